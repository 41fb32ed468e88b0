//! What a lab must have beyond being readable.
