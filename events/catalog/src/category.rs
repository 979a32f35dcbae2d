//! What kind of help a post is about.

codes! {
    /// Category of a Need or an Offer.
    pub enum Category {
        /// Cleaning, cooking, shopping.
        Housework = "housework", "家事", "Housework";
        /// Children, elderly people.
        Care = "care", "育児・介護", "Care";
        /// Animals at home.
        Pets = "pets", "ペット", "Pets";
        /// Computers, telephones, software.
        Tech = "tech", "パソコン・IT", "Tech";
        /// Languages: teaching, translating.
        Language = "language", "語学・翻訳", "Language";
        /// Studying and teaching.
        Study = "study", "学習", "Study";
        /// Design, photography, music, crafts.
        Creative = "creative", "デザイン・創作", "Creative";
        /// Mending and building.
        Repair = "repair", "修理・大工", "Repair";
        /// Going somewhere together, giving a lift.
        Outing = "outing", "お出かけ・送迎", "Outing";
        /// Somebody to talk to.
        Talk = "talk", "話し相手・相談", "Talk";
        /// Anything else.
        Other = "other", "その他", "Other";
    }
}
