//! A Gateway's settings over its class', field by field.

/// `mine` over `base`, field by field where both are set.
pub(super) fn both<T: Clone>(mine: Option<T>, base: Option<&T>, over: impl Fn(T, &T) -> T) -> Option<T> {
    match (mine, base) {
        (Some(mine), Some(base)) => Some(over(mine, base)),
        (mine, base) => mine.or_else(|| base.cloned()),
    }
}

/// Writes `over(self, base)` for a struct of optional fields: first those taken whole, then, after a
/// semicolon, those merged field by field. A field that is left out does not compile.
macro_rules! over {
    ($type:ident { $($whole:ident),* $(; $($nested:ident: $inner:ident),*)? }) => {
        impl $type {
            /// These settings where set, else `base`'s.
            #[must_use]
            pub fn over(self, base: &Self) -> Self {
                let Self { $($whole,)* $($($nested,)*)? } = self;
                Self {
                    $($whole: $whole.or_else(|| base.$whole.clone()),)*
                    $($($nested: $crate::own::parameters::merge::both($nested, base.$nested.as_ref(), $inner::over),)*)?
                }
            }
        }
    };
}
pub(super) use over;
