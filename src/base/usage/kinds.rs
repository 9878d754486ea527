//! The few words of a request or an answer that choose between prices.

/// The service tier that served a request, as the answer names it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ServiceTier {
    /// The ordinary one; also what is prepaid (`scale`) or not known.
    #[default]
    Standard,
    /// Slower and cheaper.
    Flex,
    /// Faster and dearer.
    Priority,
    /// Asynchronous batches.
    Batch,
    /// The fastest.
    Ultrafast,
    /// Calls that return a decision instead of a text.
    Decisions,
}

impl ServiceTier {
    /// Every tier.
    pub const ALL: [ServiceTier; 6] = [
        ServiceTier::Standard,
        ServiceTier::Flex,
        ServiceTier::Priority,
        ServiceTier::Batch,
        ServiceTier::Ultrafast,
        ServiceTier::Decisions,
    ];

    /// Reads `service_tier` of a request or an answer; `None` for what leaves the choice to the provider
    /// (`auto`) or is not known.
    pub fn named(name: &str) -> Option<Self> {
        Some(match name.to_ascii_lowercase().as_str() {
            "default" | "standard" | "standard_only" | "on_demand" | "scale" => ServiceTier::Standard,
            "flex" => ServiceTier::Flex,
            "priority" => ServiceTier::Priority,
            "batch" | "batches" => ServiceTier::Batch,
            "ultrafast" => ServiceTier::Ultrafast,
            "decisions" => ServiceTier::Decisions,
            _ => return None,
        })
    }

    /// The tier that an answer names; the ordinary one when it names none.
    pub fn of_answer(name: &str) -> Self {
        Self::named(name).unwrap_or_default()
    }
}

/// How much of the web a search brings into the prompt.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum SearchContext {
    /// Little.
    Low,
    /// The providers' default.
    #[default]
    Medium,
    /// Much.
    High,
}

impl SearchContext {
    /// Reads `search_context_size`.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "low" => Some(SearchContext::Low),
            "medium" => Some(SearchContext::Medium),
            "high" => Some(SearchContext::High),
            _ => None,
        }
    }
}

/// Quality of generated images.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum ImageQuality {
    /// Not said, or the provider's choice.
    #[default]
    Auto,
    /// `standard`
    Standard,
    /// `hd`
    Hd,
    /// `low`
    Low,
    /// `medium`
    Medium,
    /// `high`
    High,
}

impl ImageQuality {
    /// Reads `quality`; `None` for a word that is not known.
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "auto" => ImageQuality::Auto,
            "standard" => ImageQuality::Standard,
            "hd" => ImageQuality::Hd,
            "low" => ImageQuality::Low,
            "medium" => ImageQuality::Medium,
            "high" => ImageQuality::High,
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiers_by_every_providers_name() {
        for (name, tier) in [
            ("default", ServiceTier::Standard),
            ("scale", ServiceTier::Standard),
            ("something new", ServiceTier::Standard),
            ("flex", ServiceTier::Flex),
            ("PRIORITY", ServiceTier::Priority),
            ("batch", ServiceTier::Batch),
        ] {
            assert_eq!(ServiceTier::of_answer(name), tier, "{name}");
        }
        assert_eq!(ServiceTier::named("auto"), None);
    }
}
