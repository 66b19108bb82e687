"""What Python lays over the manifest: one class per file."""
