//! In which role somebody holds an access token.

/// A member: acts and reads for themselves.
pub const MEMBER: &str = "member";
/// An auditor: reads the log.
pub const AUDITOR: &str = "auditor";
/// An operator (事務局): maintains what belongs to the community.
pub const OPERATOR: &str = "operator";
