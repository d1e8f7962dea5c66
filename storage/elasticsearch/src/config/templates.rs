//! Index templates: what the store makes new indices by.

use clap::Args;

use crate::OpenError;

/// The templates of new indices, and who installs them.
#[derive(Debug, Clone, PartialEq, Args)]
#[group(skip)]
pub struct TemplateConfig {
    /// Shards of each index, written into the templates. Indices that exist keep theirs.
    #[arg(id = "es.num-shards", long = "es.num-shards", value_name = "COUNT", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=1_024))]
    pub num_shards: u32,

    /// Replicas of each shard, written into the templates. Indices that exist keep theirs.
    #[arg(id = "es.num-replicas", long = "es.num-replicas", value_name = "COUNT", default_value_t = 1)]
    pub num_replicas: u32,

    /// Whether the writer installs the index templates: at start, and again when they are gone. With false something else must
    /// install them (jaeger-es-rollover init, for instance); a writer that would have the store make an index without a fitting
    /// template is not ready.
    #[arg(
        id = "es.create-index-templates",
        long = "es.create-index-templates",
        value_name = "BOOL",
        default_value = "true",
        default_missing_value = "true",
        num_args = 0..=1,
        require_equals = true,
        action = clap::ArgAction::Set
    )]
    pub create: bool,

    /// Install composable templates wherever the server knows them (Elasticsearch 7.8, OpenSearch 1 and later). Without it, as in
    /// Jaeger, Elasticsearch 7 and OpenSearch get legacy templates, which lose to any composable template that matches the same
    /// indices. Elasticsearch 8 and later gets composable ones in any case.
    #[arg(
        id = "es.composable-templates",
        long = "es.composable-templates",
        value_name = "BOOL",
        default_value = "false",
        default_missing_value = "true",
        num_args = 0..=1,
        require_equals = true,
        action = clap::ArgAction::Set
    )]
    pub composable: bool,

    /// Priority of the span template among composable templates; legacy ones have none. The spelling of the flag is Jaeger's.
    #[arg(
        id = "es.prioirity-span-template",
        long = "es.prioirity-span-template",
        value_name = "NUMBER",
        default_value_t = 0
    )]
    pub span_priority: u32,

    /// Priority of the service template; as --es.prioirity-span-template.
    #[arg(
        id = "es.prioirity-service-template",
        long = "es.prioirity-service-template",
        value_name = "NUMBER",
        default_value_t = 0
    )]
    pub service_priority: u32,

    /// Priority of the dependencies template; as --es.prioirity-span-template. It is installed by whoever counts dependencies
    /// (--query.dependencies.interval, `spoor query dependencies`).
    #[arg(
        id = "es.prioirity-dependencies-template",
        long = "es.prioirity-dependencies-template",
        value_name = "NUMBER",
        default_value_t = 0
    )]
    pub dependencies_priority: u32,

    /// Priority of the template of adaptive sampling; as --es.prioirity-span-template
    /// (--sampling.config-type=adaptive).
    #[arg(
        id = "es.prioirity-sampling-template",
        long = "es.prioirity-sampling-template",
        value_name = "NUMBER",
        default_value_t = 0
    )]
    pub sampling_priority: u32,

    /// A lifecycle policy (ILM, or ISM in OpenSearch) rolls the indices over and deletes them. Goes with --es.use-aliases. The
    /// templates then have to name the aliases, which is looked at; as in Jaeger they come from jaeger-es-rollover init, and
    /// --es.create-index-templates=false is required, unless --es.ilm-policy-name has Spoor install such templates.
    #[arg(
        id = "es.use-ilm",
        long = "es.use-ilm",
        value_name = "BOOL",
        default_value = "false",
        default_missing_value = "true",
        num_args = 0..=1,
        require_equals = true,
        action = clap::ArgAction::Set
    )]
    pub use_ilm: bool,

    /// Has the templates that Spoor installs hand their indices to this lifecycle policy, which must exist. Goes with --es.use-ilm
    /// and --es.create-index-templates. In OpenSearch a policy takes its indices by its own ism_template.
    #[arg(
        id = "es.ilm-policy-name",
        long = "es.ilm-policy-name",
        value_name = "NAME",
        default_value = "",
        hide_default_value = true
    )]
    pub ilm_policy_name: String,
}

super::defaults_from_flags!(TemplateConfig);

impl TemplateConfig {
    /// Refuses settings that contradict one another; `aliases` says whether `--es.use-aliases` is set.
    pub(crate) fn validate(&self, aliases: bool) -> Result<(), OpenError> {
        let name = self.ilm_policy_name.as_str();
        let contradiction = match (self.use_ilm, self.create, name.is_empty()) {
            (true, ..) if !aliases => "--es.use-ilm needs --es.use-aliases",
            (true, true, true) => {
                "--es.use-ilm goes with --es.create-index-templates=false, when jaeger-es-rollover init installs the templates, \
                 or with --es.ilm-policy-name=NAME, when Spoor is to install them"
            }
            (true, false, false) => {
                "--es.ilm-policy-name goes into templates, which --es.create-index-templates=false leaves to others: drop one of them"
            }
            (false, _, false) => "--es.ilm-policy-name needs --es.use-ilm",
            _ if name.contains([' ', ',', '/', '?', '#', '"', '*']) || name.starts_with('_') => {
                "--es.ilm-policy-name cannot be the name of a policy"
            }
            _ => return Ok(()),
        };
        Err(OpenError::Templates(contradiction))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(change: fn(&mut TemplateConfig), aliases: bool) -> Result<(), String> {
        let mut config = TemplateConfig::default();
        change(&mut config);
        config.validate(aliases).map_err(|error| error.to_string())
    }

    #[test]
    fn lifecycle_templates_are_installed_only_where_a_policy_is_named() {
        assert_eq!(told(|_| {}, false), Ok(()));
        assert_eq!(told(|_| {}, true), Ok(()));
        let ilm = |config: &mut TemplateConfig| config.use_ilm = true;
        assert!(told(ilm, false).unwrap_err().contains("--es.use-aliases"));
        assert!(told(ilm, true).unwrap_err().contains("--es.create-index-templates=false"));
        let from_elsewhere = |config: &mut TemplateConfig| (config.use_ilm, config.create) = (true, false);
        assert_eq!(told(from_elsewhere, true), Ok(()));
        let ours = |config: &mut TemplateConfig| {
            config.use_ilm = true;
            config.ilm_policy_name = "jaeger-ilm-policy".to_owned();
        };
        assert_eq!(told(ours, true), Ok(()));
    }

    #[test]
    fn a_policy_that_nobody_would_use_is_refused() {
        let policy = |config: &mut TemplateConfig| config.ilm_policy_name = "p".to_owned();
        assert!(told(policy, true).unwrap_err().contains("needs --es.use-ilm"));
        let not_installed = |config: &mut TemplateConfig| {
            (config.use_ilm, config.create) = (true, false);
            config.ilm_policy_name = "p".to_owned();
        };
        assert!(told(not_installed, true).unwrap_err().contains("drop one"));
        let no_name = |config: &mut TemplateConfig| {
            config.use_ilm = true;
            config.ilm_policy_name = "a/b".to_owned();
        };
        assert!(told(no_name, true).unwrap_err().contains("name of a policy"));
    }
}
