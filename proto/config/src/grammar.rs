//! The operators' grammar, both ways: text to [`Candidate`](crate::Candidate) and back.
//!
//! ```text
//! config                                        # a line is a path from where we stand
//!     authority
//!         name  example                         # … to a leaf and its value,
//!         tenant  lan                           # … or to a block, which stays open
//!             name  lan                         # (a key may be repeated inside)
//!         exit                                  # until its exit
//!     exit
//! exit
//! config authority router pair node a session-setup-scaling true
//! ```

mod lexer;
mod parser;
mod render;

pub use parser::parse;
pub(crate) use parser::read;
pub use render::render;
