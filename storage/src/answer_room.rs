//! [`AnswerRoom`]: where a store's reader says of an answer what the answer itself does not: what it takes while it comes, and that it is cut.

use std::fmt;

use crate::ReadError;

/// The room of one answer among all that are held. Whoever asks bounds what its questions hold together; a reader that gathers an answer
/// before it hands it on says how much it has of it, so that the answer counts from its first bytes on and not from its end.
pub trait AnswerRoom: fmt::Debug + Send + Sync + 'static {
    /// The answer takes so many bytes from now on, whatever was said before.
    ///
    /// # Errors
    /// When there is no room for them: the reader gives up with this error.
    fn takes(&self, bytes: usize) -> Result<(), ReadError>;

    /// A bound left out some of what belongs to the answer.
    fn is_cut(&self);
}
