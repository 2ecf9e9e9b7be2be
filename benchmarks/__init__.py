"""What the fast sweep is measured against, and how."""
