//! Surface
