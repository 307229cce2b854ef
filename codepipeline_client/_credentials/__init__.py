"""Where credentials come from, and when they are refreshed. Signs nothing."""
