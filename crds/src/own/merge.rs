//! A Gateway's settings over its class', field by field.

/// `mine` over `base`, field by field where both are set.
pub(in crate::own) fn both<T: Clone>(
    mine: Option<T>,
    base: Option<&T>,
    over: impl Fn(T, &T) -> T,
) -> Option<T> {
    match (mine, base) {
        (Some(mine), Some(base)) => Some(over(mine, base)),
        (mine, base) => mine.or_else(|| base.cloned()),
    }
}

/// Writes `over(self, base)` for a struct of optional fields. A field that is left out does not compile.
macro_rules! over {
    ($type:ident { $($field:ident),* }) => {
        impl $type {
            /// These settings where set, else `base`'s.
            #[must_use]
            pub fn over(self, base: &Self) -> Self {
                let Self { $($field),* } = self;
                Self { $($field: $field.or_else(|| base.$field.clone())),* }
            }
        }
    };
}
pub(in crate::own) use over;
