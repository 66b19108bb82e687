"""Fast tests: nothing leaves the process but what a test starts itself."""
