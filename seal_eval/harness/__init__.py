"""All that stands between lm-evaluation-harness and this project: task configuration, datasets, the model class `seal`, resumable runs."""
