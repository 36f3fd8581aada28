"""Load a model; the places where a method can change it; adapters."""
