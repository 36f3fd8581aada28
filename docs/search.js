// The search reads its index from a server; in pages that are opened from disk it is not shown.
if (location.protocol === "file:") for (const part of document.querySelectorAll('[data-md-component="search"], [for="__search"]')) part.remove();
