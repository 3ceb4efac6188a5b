"""What people read: texts in Indonesian and English, the lines of a run, its summary."""
