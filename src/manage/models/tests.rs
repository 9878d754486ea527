//! Models, added and looked at.
