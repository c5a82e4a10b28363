//! The interpreter engine: layers, dispatch, native kinds, declarative interpreters.
