//! The three stanzas and their types (RFC 6120 §8.2, RFC 6121 §4.7.1, §5.2.2).

/// A stanza's name and type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StanzaKind {
    /// Push: one way.
    Message(MessageType),
    /// Availability and subscriptions.
    Presence(PresenceType),
    /// Request and response.
    Iq(IqType),
}

/// Types of messages (RFC 6121 §5.2.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum MessageType {
    /// A single message outside any conversation; also every type that is unknown.
    #[default]
    Normal,
    /// Part of a one-to-one conversation.
    Chat,
    /// From or to a room.
    GroupChat,
    /// An alert, not to be answered or kept.
    Headline,
    /// An earlier message failed.
    Error,
}

/// Types of presence (RFC 6121 §4.7.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum PresenceType {
    /// No type: the sender is available.
    #[default]
    Available,
    /// The sender is no longer available.
    Unavailable,
    /// The sender wants to see the recipient's presence.
    Subscribe,
    /// The sender allows the recipient to see its presence.
    Subscribed,
    /// The sender no longer wants to see the recipient's presence.
    Unsubscribe,
    /// The sender no longer allows the recipient to see its presence.
    Unsubscribed,
    /// A server asks for the current presence.
    Probe,
    /// An earlier presence failed.
    Error,
}

/// Types of IQs (RFC 6120 §8.2.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum IqType {
    /// A question.
    Get,
    /// An order.
    Set,
    /// The answer.
    Result,
    /// The order or question failed.
    Error,
}

impl StanzaKind {
    /// The stanza's element name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Message(_) => "message",
            Self::Presence(_) => "presence",
            Self::Iq(_) => "iq",
        }
    }

    /// The value of the attribute `type`; `None` where it is left out.
    pub fn type_name(self) -> Option<&'static str> {
        Some(match self {
            Self::Message(MessageType::Normal) | Self::Presence(PresenceType::Available) => {
                return None;
            }
            Self::Message(MessageType::Chat) => "chat",
            Self::Message(MessageType::GroupChat) => "groupchat",
            Self::Message(MessageType::Headline) => "headline",
            Self::Message(MessageType::Error)
            | Self::Presence(PresenceType::Error)
            | Self::Iq(IqType::Error) => "error",
            Self::Presence(PresenceType::Unavailable) => "unavailable",
            Self::Presence(PresenceType::Subscribe) => "subscribe",
            Self::Presence(PresenceType::Subscribed) => "subscribed",
            Self::Presence(PresenceType::Unsubscribe) => "unsubscribe",
            Self::Presence(PresenceType::Unsubscribed) => "unsubscribed",
            Self::Presence(PresenceType::Probe) => "probe",
            Self::Iq(IqType::Get) => "get",
            Self::Iq(IqType::Set) => "set",
            Self::Iq(IqType::Result) => "result",
        })
    }

    /// Whether the type is `error`.
    pub fn is_error(self) -> bool {
        self == self.to_error()
    }

    /// The same stanza with type `error`.
    #[must_use]
    pub fn to_error(self) -> Self {
        match self {
            Self::Message(_) => Self::Message(MessageType::Error),
            Self::Presence(_) => Self::Presence(PresenceType::Error),
            Self::Iq(_) => Self::Iq(IqType::Error),
        }
    }

    /// The kind of a stanza's name and type. A message of unknown type is a normal one (RFC 6121 §5.2.2); for a
    /// presence or IQ the error holds a kind by which the sender can be answered.
    pub(super) fn from_names(name: &str, type_name: Option<&str>) -> Result<Self, Self> {
        match name {
            "presence" => Ok(Self::Presence(match type_name {
                None => PresenceType::Available,
                Some("unavailable") => PresenceType::Unavailable,
                Some("subscribe") => PresenceType::Subscribe,
                Some("subscribed") => PresenceType::Subscribed,
                Some("unsubscribe") => PresenceType::Unsubscribe,
                Some("unsubscribed") => PresenceType::Unsubscribed,
                Some("probe") => PresenceType::Probe,
                Some("error") => PresenceType::Error,
                Some(_) => return Err(Self::Presence(PresenceType::Available)),
            })),
            "iq" => Ok(Self::Iq(match type_name {
                Some("get") => IqType::Get,
                Some("set") => IqType::Set,
                Some("result") => IqType::Result,
                Some("error") => IqType::Error,
                _ => return Err(Self::Iq(IqType::Get)),
            })),
            _ => Ok(Self::Message(match type_name {
                Some("chat") => MessageType::Chat,
                Some("groupchat") => MessageType::GroupChat,
                Some("headline") => MessageType::Headline,
                Some("error") => MessageType::Error,
                _ => MessageType::Normal,
            })),
        }
    }
}
