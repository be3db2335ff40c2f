"""What people hear outside the database: failed, rejected, promoted, rolled back, stuck."""
