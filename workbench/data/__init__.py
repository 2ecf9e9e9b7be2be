"""Data sets brought into the layout that the tasks read: from what was downloaded, or from the hub."""
