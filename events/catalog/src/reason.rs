//! Why something ended, as far as that is open.

codes! {
    /// Why a post was closed, or an exchange cancelled or aborted.
    pub enum ReasonCode {
        /// The member decided it; what they wrote about it, if anything, is sealed.
        OwnWords = "own_words", "本人の申し出", "By the member";
        /// The member has left the community (H01).
        MemberLeft = "member_left", "退会のため", "The member has left";
    }
}
