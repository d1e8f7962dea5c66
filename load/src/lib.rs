//! A deterministic span generator and closed-loop sender.
