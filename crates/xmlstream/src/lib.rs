//! xmlstream
