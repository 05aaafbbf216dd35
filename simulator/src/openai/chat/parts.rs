//! The parts of a content: texts, images, and what no model of the table takes.
//!
//! Of an image only its size is kept, read from the first bytes of a `data:` address. Nothing
//! is ever fetched: of other addresses the size is not known.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use imagesize::ImageType;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;

use crate::model::Model;
use crate::openai::Invalid;
use crate::openai::check::Shape;
use crate::tokens::{Span, Vision, meaning};

const KINDS: [&str; 6] = [
    "text",
    "image_url",
    "input_audio",
    "refusal",
    "audio",
    "file",
];

/// In the order in which the service names them; quarkus-langchain4j#412.
const DETAILS: [&str; 3] = ["low", "high", "auto"];

/// Assumed: an image that is not sent along is as large as most examples of the documentation.
const UNKNOWN_SIZE: (u32, u32) = (1_024, 1_024);

#[derive(Debug, Deserialize)]
pub(super) struct Part {
    #[serde(rename = "type")]
    kind: String,
    text: Option<String>,
    refusal: Option<String>,
    image_url: Option<Picture>,
    input_audio: Option<IgnoredAny>,
    file: Option<IgnoredAny>,
}

/// An image.
#[derive(Debug, Deserialize)]
#[serde(from = "ImageUrl")]
pub(super) struct Picture {
    size: Result<(u32, u32), Broken>,
    /// Tells it from other images.
    identity: u64,
    detail: Option<String>,
}

#[derive(Debug, Deserialize)]
struct ImageUrl {
    url: String,
    detail: Option<String>,
}

/// Why an address is no image.
#[derive(Debug)]
enum Broken {
    NoAddress,
    Type(String),
    Empty,
    NotBase64,
    NotAnImage,
}

impl From<ImageUrl> for Picture {
    fn from(image: ImageUrl) -> Self {
        Self {
            size: size(&image.url),
            identity: meaning(&image.url),
            detail: image.detail,
        }
    }
}

fn size(url: &str) -> Result<(u32, u32), Broken> {
    if url.starts_with("https://") || url.starts_with("http://") {
        return Ok(UNKNOWN_SIZE);
    }
    let data = url.strip_prefix("data:").ok_or(Broken::NoAddress)?;
    let (kind, data) = data.split_once(";base64,").ok_or(Broken::NotBase64)?;
    if ![
        "image/png",
        "image/jpeg",
        "image/jpg",
        "image/gif",
        "image/webp",
    ]
    .contains(&kind)
    {
        return Err(Broken::Type(kind.to_owned()));
    }
    if data.is_empty() {
        return Err(Broken::Empty);
    }
    let bytes = STANDARD.decode(data).map_err(|_| Broken::NotBase64)?;
    let is_taken = imagesize::image_type(&bytes).is_ok_and(|kind| {
        matches!(
            kind,
            ImageType::Png | ImageType::Jpeg | ImageType::Gif | ImageType::Webp
        )
    });
    let found = imagesize::blob_size(&bytes).ok().filter(|_| is_taken);
    let pixels = |side: usize| u32::try_from(side).ok().filter(|&pixels| pixels > 0);
    found
        .and_then(|size| Some((pixels(size.width)?, pixels(size.height)?)))
        .ok_or(Broken::NotAnImage)
}

impl Picture {
    /// What it costs. Assumed: `auto` looks closely, as livekit/agents#1213 measured.
    pub(super) fn tokens(&self, vision: Vision) -> u64 {
        let size = *self.size.as_ref().unwrap_or(&UNKNOWN_SIZE);
        vision.tokens(size, self.detail.as_deref() == Some("low"))
    }

    /// It as it stands in the prompt, with the tokens it costs.
    pub(super) fn span(&self, framing: u64) -> Span<'static> {
        Span {
            framing,
            meaning: self.identity,
            text: "",
        }
    }

    fn validate(&self, at: &str) -> Result<(), Invalid> {
        let detail = self.detail.as_deref().unwrap_or("auto");
        if !DETAILS.contains(&detail) {
            let param = format!("{at}.detail");
            return Err(Invalid::unsupported(&param, &DETAILS, detail));
        }
        match &self.size {
            Ok(_) => Ok(()),
            Err(broken) => Err(broken.told(&format!("{at}.url"))),
        }
    }
}

impl Broken {
    fn told(&self, at: &str) -> Invalid {
        let found = match self {
            Self::NoAddress => "a value without the 'data:' prefix".to_owned(),
            Self::Type(kind) => format!("unsupported MIME type '{kind}'"),
            Self::Empty => "empty base64-encoded bytes".to_owned(),
            // Source: Azure/azure-sdk-for-java#41670.
            Self::NotBase64 => {
                return Invalid::told("Invalid base64 image_url.", None, Some("invalid_base64"));
            }
            // Source: openai/openai-node#1463. Assumed: the code.
            Self::NotAnImage => {
                let message =
                    "You uploaded an unsupported image. Please make sure your image is valid.";
                return Invalid::told(message, None, Some("image_parse_error"));
            }
        };
        // Source: Alibaba-NLP/OmniSearch#3, anomalyco/opencode#23983.
        let message = format!(
            "Invalid image URL: '{at}'. Expected a base64-encoded data URL with an image MIME type (e.g. 'data:image/png;base64,aW1nIGJ5dGVzIGhlcmU='), but got {found}."
        );
        Invalid::told(message, Some(at), Some("invalid_value"))
    }
}

impl Part {
    pub(super) fn text(&self) -> Option<&str> {
        let text = self.text.as_deref();
        text.or(self.refusal.as_deref())
    }

    pub(super) fn picture(&self) -> Option<&Picture> {
        self.image_url.as_ref()
    }

    /// Whether it is what it says it is.
    pub(super) fn validate(&self, at: &str) -> Result<(), Invalid> {
        let has_own = match self.kind.as_str() {
            "text" => self.text.is_some(),
            "image_url" => self.image_url.is_some(),
            "refusal" => self.refusal.is_some(),
            "input_audio" => self.input_audio.is_some(),
            "file" => self.file.is_some(),
            "audio" => true,
            other => return Err(Invalid::unsupported(&format!("{at}.type"), &KINDS, other)),
        };
        if !has_own {
            return Err(Invalid::missing(&format!("{at}.{}", self.kind)));
        }
        self.image_url
            .as_ref()
            .map_or(Ok(()), |image| image.validate(&format!("{at}.image_url")))
    }

    /// Whether `model` takes it. Sounds and files are taken by none of the table.
    ///
    /// Source: browser-use/web-ui#274. Assumed: sounds and files are refused in the same words.
    pub(super) fn suits(&self, model: &Model, param: &str) -> Result<(), Invalid> {
        let is_taken = match self.kind.as_str() {
            "image_url" => Vision::of(model).is_some(),
            "input_audio" | "audio" | "file" => false,
            _ => true,
        };
        if is_taken {
            return Ok(());
        }
        let kind = &self.kind;
        let message = format!("Invalid content type. {kind} is only supported by certain models.");
        Err(Invalid::told(message, Some(param), None))
    }
}

/// What keeps a part from being read.
pub(super) fn check(at: &str, part: &Value) -> Result<(), Invalid> {
    let Value::Object(fields) = part else {
        return Err(Invalid::wrong_type(at, "an object", part));
    };
    if fields.get("type").is_none_or(Value::is_null) {
        return Err(Invalid::missing(&format!("{at}.type")));
    }
    for name in ["type", "text", "refusal"] {
        Shape::Text.check(&format!("{at}.{name}"), fields.get(name))?;
    }
    let at = format!("{at}.image_url");
    Shape::Object.check(&at, fields.get("image_url"))?;
    let Some(Value::Object(image)) = fields.get("image_url") else {
        return Ok(());
    };
    match image.get("url") {
        None => return Err(Invalid::missing(&format!("{at}.url"))),
        Some(Value::String(_)) => {}
        Some(url) => return Err(Invalid::wrong_type(&format!("{at}.url"), "a string", url)),
    }
    Shape::Text.check(&format!("{at}.detail"), image.get("detail"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::openai::{Body, ChatRequest, read};

    /// The first bytes of an image of 513 × 600 pixels.
    fn png() -> Vec<u8> {
        let mut bytes = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec();
        bytes.extend(513_u32.to_be_bytes());
        bytes.extend(600_u32.to_be_bytes());
        bytes
    }

    fn jpeg() -> Vec<u8> {
        let mut bytes = b"\xff\xd8\xff\xe0\0\x10JFIF\0\x01\x01\0\0\x01\0\x01\0\0".to_vec();
        bytes.extend(b"\xff\xc0\0\x11\x08\x02\x58\x02\x01\x03\x01\x22\0\x02\x11\x01\x03\x11\x01");
        bytes
    }

    fn gif() -> Vec<u8> {
        b"GIF89a\x01\x02\x58\x02\x80\0\0".to_vec()
    }

    fn webp() -> Vec<u8> {
        let mut bytes = b"RIFF\x1a\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0".to_vec();
        bytes.extend(b"\0\x02\0\x57\x02\0\0\0\0\0");
        bytes
    }

    fn url(kind: &str, bytes: &[u8]) -> String {
        format!("data:image/{kind};base64,{}", STANDARD.encode(bytes))
    }

    fn chat(part: &Value) -> Result<ChatRequest, Invalid> {
        let body = json!({ "messages": [{ "role": "user", "content": [part] }] });
        read(body.to_string().as_bytes())
    }

    fn image(url: &str) -> Value {
        json!({ "type": "image_url", "image_url": { "url": url } })
    }

    #[test]
    fn sizes_are_read_from_the_four_formats() {
        for (kind, bytes) in [
            ("png", png()),
            ("jpeg", jpeg()),
            ("gif", gif()),
            ("webp", webp()),
        ] {
            assert_eq!(size(&url(kind, &bytes)).unwrap(), (513, 600), "{kind}");
        }
    }

    #[test]
    fn what_is_no_image_is_told() {
        let told = |url: &str| chat(&image(url)).unwrap_err();
        insta::assert_snapshot!(told("a.png").message, @"Invalid image URL: 'messages[0].content[0].image_url.url'. Expected a base64-encoded data URL with an image MIME type (e.g. 'data:image/png;base64,aW1nIGJ5dGVzIGhlcmU='), but got a value without the 'data:' prefix.");
        assert_eq!(told("a.png").code, Some("invalid_value"));
        assert_eq!(told("data:image/png;base64,*").code, Some("invalid_base64"));
        assert_eq!(
            told(&url("png", b"no image")).code,
            Some("image_parse_error")
        );
        assert!(
            told("data:image/png;base64,")
                .message
                .ends_with("empty base64-encoded bytes.")
        );
        assert!(
            told(&url("svg+xml", b"<svg/>"))
                .message
                .contains("'image/svg+xml'")
        );
    }

    #[test]
    fn parts_say_what_they_are() {
        let told = |part: Value| chat(&part).unwrap_err().message;
        insta::assert_snapshot!(told(json!({ "text": "hi" })), @"Missing required parameter: 'messages[0].content[0].type'.");
        insta::assert_snapshot!(told(json!({ "type": "text" })), @"Missing required parameter: 'messages[0].content[0].text'.");
        insta::assert_snapshot!(told(json!({ "type": "image" })), @"Invalid value: 'image'. Supported values are: 'text', 'image_url', 'input_audio', 'refusal', 'audio', and 'file'.");
        insta::assert_snapshot!(told(json!({ "type": "image_url", "image_url": "x" })), @"Invalid type for 'messages[0].content[0].image_url': expected an object, but got a string instead.");
        insta::assert_snapshot!(told(json!({ "type": "image_url", "image_url": { "url": "https://example.org/", "detail": "LOW" } })), @"Invalid value: 'LOW'. Supported values are: 'low', 'high', and 'auto'.");
    }

    #[test]
    fn models_without_eyes_and_ears_refuse() {
        let seen = chat(&image("https://example.org/")).unwrap();
        assert!(seen.suits(Model::find("gpt-4o").unwrap()).is_ok());
        let blind = seen
            .suits(Model::find("gpt-3.5-turbo").unwrap())
            .unwrap_err();
        insta::assert_snapshot!(blind.message, @"Invalid content type. image_url is only supported by certain models.");
        assert_eq!(
            blind.param.as_deref(),
            Some("messages.[0].content.[0].type")
        );
        let sound =
            json!({ "type": "input_audio", "input_audio": { "data": "", "format": "wav" } });
        let heard = chat(&sound).unwrap();
        assert!(heard.suits(Model::find("gpt-4o").unwrap()).is_err());
    }
}
