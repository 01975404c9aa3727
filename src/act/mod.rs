//! Verdict -> the world.
