//! [`Vision`]: what an image costs, by the way a model looks at it.

use crate::model::Model;

/// How a model looks at images.
///
/// Source: <https://platform.openai.com/docs/guides/images-vision#calculating-costs>.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Vision {
    /// In tiles of 512 pixels, after fitting the image into 2048 pixels and its shorter side
    /// into 768.
    Tiles {
        /// Tokens of any image, and of one looked at roughly.
        base: u64,
        /// Tokens of a tile.
        tile: u64,
    },
    /// In patches of 32 pixels, at most 1,536 of them.
    Patches {
        /// Hundredths of a token per patch.
        hundredths: u64,
    },
}

const PATCH: f64 = 32.0;
const MOST_PATCHES: f64 = 1_536.0;

impl Vision {
    /// How `model` looks at images, if it does.
    ///
    /// Assumed: gpt-5.1 looks as gpt-5 does; the multipliers of patches are those of
    /// openai-python#2851.
    pub(crate) fn of(model: &Model) -> Option<Self> {
        let tiles = |base, tile| Some(Self::Tiles { base, tile });
        let patches = |hundredths| Some(Self::Patches { hundredths });
        match model.name {
            "gpt-4-turbo" | "gpt-4o" | "gpt-4.1" => tiles(85, 170),
            "gpt-4o-mini" => tiles(2_833, 5_667),
            "gpt-5" | "gpt-5-chat" | "gpt-5.1" => tiles(70, 140),
            "o1" | "o3" => tiles(75, 150),
            "gpt-4.1-mini" | "gpt-5-mini" => patches(162),
            "gpt-4.1-nano" | "gpt-5-nano" => patches(246),
            "o4-mini" => patches(172),
            _ => None,
        }
    }

    /// The tokens of an image of `size` pixels in width and height.
    pub(crate) fn tokens(self, size: (u32, u32), is_rough: bool) -> u64 {
        let (width, height) = (f64::from(size.0), f64::from(size.1));
        match self {
            Self::Tiles { base, .. } if is_rough => base,
            Self::Tiles { base, tile } => {
                let (width, height) = fit(width, height, 2_048.0, f64::max);
                let (width, height) = fit(width, height, 768.0, f64::min);
                base + tile * (whole(width / 512.0) * whole(height / 512.0))
            }
            Self::Patches { hundredths } => {
                // Assumed: a rough look is one at 512 pixels, as the guide says of tiles.
                let (width, height) = if is_rough {
                    fit(width, height, 512.0, f64::max)
                } else {
                    (width, height)
                };
                (patches(width, height) * hundredths).div_ceil(100)
            }
        }
    }
}

/// Shrinks an image until the side that `choose` takes is at most `most` long.
fn fit(width: f64, height: f64, most: f64, choose: fn(f64, f64) -> f64) -> (f64, f64) {
    let scale = (most / choose(width, height)).min(1.0);
    (width * scale, height * scale)
}

/// The patches that cover an image, shrunk where it needs too many.
fn patches(width: f64, height: f64) -> u64 {
    let cover = |width: f64, height: f64| whole(width / PATCH) * whole(height / PATCH);
    let needed = cover(width, height);
    if needed <= 1_536 {
        return needed;
    }
    let shrink = (PATCH * PATCH * MOST_PATCHES / (width * height)).sqrt();
    // Shrunk a little more, so that one side is a whole number of patches.
    let exact = |side: f64| (side * shrink / PATCH).floor() / (side * shrink / PATCH);
    let shrink = shrink * exact(width).min(exact(height));
    cover(width * shrink, height * shrink)
}

/// Rounds up; what is a whole number but for the rounding of a float stays one.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a side is positive and below 2^32"
)]
fn whole(parts: f64) -> u64 {
    (parts - 1e-9).ceil().max(1.0) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(model: &str, width: u32, height: u32, is_rough: bool) -> u64 {
        let vision = Vision::of(Model::find(model).unwrap()).unwrap();
        vision.tokens((width, height), is_rough)
    }

    #[test]
    fn tiles_are_counted_as_in_the_published_examples() {
        assert_eq!(tokens("gpt-4o", 1_024, 1_024, false), 765);
        assert_eq!(tokens("gpt-4o", 2_048, 4_096, false), 1_105);
        assert_eq!(tokens("gpt-4o", 4_096, 8_192, true), 85);
        assert_eq!(tokens("o1", 1_024, 1_024, false), 75 + 4 * 150);
        assert_eq!(tokens("gpt-4o-mini", 1, 1, false), 2_833 + 5_667);
    }

    #[test]
    fn patches_are_counted_as_in_the_published_examples() {
        let patches = |width, height| patches(f64::from(width), f64::from(height));
        assert_eq!(patches(1_024, 1_024), 1_024);
        assert_eq!(patches(1_800, 2_400), 1_452);
        assert_eq!(tokens("gpt-4.1-mini", 1_024, 1_024, false), 1_659);
        assert_eq!(tokens("gpt-5-nano", 4_096, 4_096, true), 630);
    }

    #[test]
    fn no_image_is_too_thin_or_too_large() {
        for model in Model::names().filter_map(Model::find) {
            let Some(vision) = Vision::of(model) else {
                continue;
            };
            for size in [(1, 1), (1, u32::MAX), (u32::MAX, 1), (u32::MAX, u32::MAX)] {
                let tokens = vision.tokens(size, false);
                assert!((1..=200_000).contains(&tokens), "{tokens}");
            }
        }
    }
}
