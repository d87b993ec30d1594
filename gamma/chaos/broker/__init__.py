"""The fake broker: an exchange that matches, the API in front of it with its quirks, and gamma's adapter to it."""
