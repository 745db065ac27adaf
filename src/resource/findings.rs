//! What may be wrong with keys: controls, as values, for `confluent.iam.vw_api_key_findings`.
//!
//! A [`Control`] is a query that returns a row for each finding, with its threshold and where the advice
//! comes from. The view makes rows of all of them, and a query of one control sends what that one needs. The words for
//! severity and status are Powerpipe's.

/// A control.
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct Control {
    /// Its name.
    pub name: &'static str,
    /// How bad it is: `critical`, `high`, `medium` or `low`.
    pub severity: &'static str,
    /// What a finding is: `alarm`, or `info` for what may well be meant.
    pub status: &'static str,
    /// What it finds, in one sentence.
    pub description: &'static str,
    /// The query: `resource`, `reason` and `owner_id` of each finding. A setting stands in braces.
    pub sql: &'static str,
    /// The threshold that it goes by, if it has one.
    pub setting: Option<&'static Setting>,
    /// Where the advice comes from.
    pub source: &'static str,
    /// What is listed for it.
    pub requests: &'static str,
}

/// A threshold, `SET findings.name = value`.
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct Setting {
    /// Its name, behind [`Setting::PREFIX`].
    pub name: &'static str,
    /// Its value unless another is set.
    pub default: u32,
    /// What it says, in one sentence.
    pub description: &'static str,
}

/// The columns of the view, each with a sentence for people.
pub const COLUMNS: &[(&str, &str)] = &[
    ("control", "Name of the control"),
    ("severity", "How bad it is: critical, high, medium or low"),
    (
        "status",
        "alarm; info for what may be intended; skip if the data may not be read",
    ),
    (
        "resource",
        "Id of the key, the service account or the quota; NULL for skip",
    ),
    (
        "reason",
        "What was found, or why the control could not be checked",
    ),
    ("owner_id", "Id of the owner"),
];

impl Setting {
    /// What stands before the names of settings.
    pub const PREFIX: &'static str = "findings";
}

impl Control {
    /// Returns its query with what `value` says of a setting.
    pub fn query(&self, value: impl Fn(&Setting) -> String) -> String {
        match self.setting {
            Some(setting) => self
                .sql
                .replace(&format!("{{{}}}", setting.name), &value(setting)),
            None => self.sql.to_owned(),
        }
    }
}

/// Returns all settings.
pub fn settings() -> impl Iterator<Item = &'static Setting> {
    CONTROLS.iter().filter_map(|control| control.setting)
}

const BEST_PRACTICES: &str = "Confluent, Best Practices for Using API Keys";

const MAX_AGE: Setting = Setting {
    name: "max_age_days",
    default: 90,
    description: "Days after which a key is too old",
};
const EXPIRES_SOON: Setting = Setting {
    name: "expires_soon_days",
    default: 14,
    description: "A key expires soon if it expires within this many days",
};
const MAX_KEYS: Setting = Setting {
    name: "max_keys_per_resource",
    default: 1,
    description: "Keys that an owner may have for one resource",
};
const ROTATION: Setting = Setting {
    name: "rotation_days",
    default: 7,
    description: "Days that an old key may be kept once there is a new one",
};
const NEAR_QUOTA: Setting = Setting {
    name: "near_quota_percent",
    default: 80,
    description: "A quota is nearly used up from this percentage on",
};

/// All controls, in the order of the documentation.
pub const CONTROLS: &[Control] = &[
    Control {
        name: "key_age",
        severity: "medium",
        status: "alarm",
        description: "The key is older than keys should be before they are replaced.",
        sql: "SELECT id AS resource,
    'created ' || CAST(age_days AS VARCHAR) || ' days ago' AS reason,
    owner_id
FROM confluent.iam.vw_api_keys
WHERE age_days > {max_age_days}",
        setting: Some(&MAX_AGE),
        source: "CIS AWS Foundations, access keys are rotated every 90 days or less; Confluent, rotate API keys regularly",
        requests: "keys",
    },
    Control {
        name: "expires_soon",
        severity: "high",
        status: "alarm",
        description: "The key stops working soon.",
        sql: "SELECT id AS resource,
    'works until the end of ' || CAST(expires_at AS VARCHAR) || ', UTC' AS reason,
    owner_id
FROM confluent.iam.vw_api_keys
WHERE NOT is_expired AND days_left <= {expires_soon_days}",
        setting: Some(&EXPIRES_SOON),
        source: BEST_PRACTICES,
        requests: "keys",
    },
    Control {
        name: "expired_but_listed",
        severity: "low",
        status: "alarm",
        description: "The key no longer works and has not been deleted.",
        sql: "SELECT id AS resource,
    'has not worked since the end of ' || CAST(expires_at AS VARCHAR) || ', UTC' AS reason,
    owner_id
FROM confluent.iam.vw_api_keys
WHERE is_expired",
        setting: None,
        source: "Confluent, delete unneeded API keys",
        requests: "keys",
    },
    Control {
        name: "no_expiry",
        severity: "low",
        status: "alarm",
        description: "The key works until somebody deletes it.",
        sql: "SELECT id AS resource,
    'never expires' AS reason,
    owner_id
FROM confluent.iam.vw_api_keys
WHERE expires_at IS NULL",
        setting: None,
        source: BEST_PRACTICES,
        requests: "keys",
    },
    Control {
        name: "owner_is_person",
        severity: "medium",
        status: "info",
        description: "The key belongs to a person: it is gone when the account is deleted, and it may do what the person may.",
        sql: "SELECT id AS resource,
    'belongs to a person' AS reason,
    owner_id
FROM confluent.iam.vw_api_keys
WHERE owner_id LIKE 'u-%'",
        setting: None,
        source: "Confluent, use service account API keys for production",
        requests: "keys",
    },
    Control {
        name: "owner_unknown",
        severity: "high",
        status: "alarm",
        description: "The owner is neither among the users nor among the service accounts.",
        sql: "SELECT id AS resource,
    coalesce(owner_id || ' is neither a user nor a service account', 'has no owner') AS reason,
    owner_id
FROM confluent.iam.vw_api_key_inventory
WHERE NOT owner_is_known",
        setting: None,
        source: "CIS Controls, establish and maintain an inventory of accounts",
        requests: "keys, users, service accounts",
    },
    Control {
        name: "owner_is_admin",
        severity: "high",
        status: "alarm",
        description: "The owner administers the organization, so anyone who has the key can too.",
        sql: "SELECT keys.id AS resource,
    'the owner has the role OrganizationAdmin' AS reason,
    keys.owner_id
FROM confluent.iam.vw_api_keys AS keys
JOIN (
    SELECT DISTINCT principal FROM confluent.iam.role_bindings WHERE role_name = 'OrganizationAdmin'
) AS admins ON admins.principal = 'User:' || keys.owner_id",
        setting: None,
        source: "CIS Controls, restrict administrator privileges to dedicated administrator accounts",
        requests: "keys, organizations, role bindings of OrganizationAdmin",
    },
    Control {
        name: "no_description",
        severity: "low",
        status: "alarm",
        description: "Nothing says what the key is for.",
        sql: "SELECT id AS resource,
    'has no description' AS reason,
    owner_id
FROM confluent.iam.vw_api_keys
WHERE description IS NULL OR trim(description) = ''",
        setting: None,
        source: BEST_PRACTICES,
        requests: "keys",
    },
    Control {
        name: "duplicate_for_resource",
        severity: "low",
        status: "alarm",
        description: "The owner has several keys for the same resource.",
        sql: "SELECT id AS resource,
    'one of ' || CAST(copies AS VARCHAR) || ' keys of this owner for ' || opens AS reason,
    owner_id
FROM (
    SELECT id, owner_id, opens, count(*) OVER (PARTITION BY owner_id, environment_id, opens) AS copies
    FROM (
        SELECT id, owner_id, environment_id, coalesce(resource_id, resource_type) AS opens
        FROM confluent.iam.vw_api_keys
        WHERE NOT is_expired
    ) AS working
    WHERE owner_id IS NOT NULL AND opens IS NOT NULL
) AS counted
WHERE copies > {max_keys_per_resource}",
        setting: Some(&MAX_KEYS),
        source: "CIS AWS Foundations, there is only one active access key for any single user",
        requests: "keys",
    },
    Control {
        name: "rotation_unfinished",
        severity: "medium",
        status: "alarm",
        description: "A newer key of the same owner for the same resource has existed for a while.",
        sql: "SELECT id AS resource,
    'a newer key for ' || opens || ' was created ' || CAST(newest_age AS VARCHAR) || ' days ago' AS reason,
    owner_id
FROM (
    SELECT id, owner_id, opens, created_at,
        max(created_at) OVER (PARTITION BY owner_id, environment_id, opens) AS newest,
        min(age_days) OVER (PARTITION BY owner_id, environment_id, opens) AS newest_age
    FROM (
        SELECT id, owner_id, environment_id, coalesce(resource_id, resource_type) AS opens, created_at, age_days
        FROM confluent.iam.vw_api_keys
        WHERE NOT is_expired
    ) AS working
    WHERE owner_id IS NOT NULL AND opens IS NOT NULL
) AS compared
WHERE created_at < newest AND newest_age > {rotation_days}",
        setting: Some(&ROTATION),
        source: "Confluent, rotate API keys regularly: delete the old one",
        requests: "keys",
    },
    Control {
        name: "broad_scope",
        severity: "medium",
        status: "info",
        description: "The key opens the management API or everything, rather than one cluster.",
        sql: "SELECT id AS resource,
    'opens ' || resource_type AS reason,
    owner_id
FROM confluent.iam.vw_api_keys
WHERE resource_type IN ('cloud', 'global')",
        setting: None,
        source: "Confluent, global API keys are not for access to a single resource",
        requests: "keys",
    },
    Control {
        name: "resource_gone",
        severity: "medium",
        status: "alarm",
        description: "The cluster that the key opens no longer exists.",
        sql: "SELECT keys.id AS resource,
    keys.resource_id || ' is not among the clusters' AS reason,
    keys.owner_id
FROM confluent.iam.vw_api_keys AS keys
LEFT JOIN confluent.managed_kafka_clusters.clusters AS kafka ON keys.resource_id = kafka.id
LEFT JOIN confluent.schema_registry_clusters.v3_clusters AS registries ON keys.resource_id = registries.id
LEFT JOIN confluent.ksqldb_clusters.clusters AS ksqldb ON keys.resource_id = ksqldb.id
WHERE keys.resource_type IN ('kafka', 'schema-registry', 'ksql')
    AND kafka.id IS NULL AND registries.id IS NULL AND ksqldb.id IS NULL",
        setting: None,
        source: "Confluent, delete unneeded API keys",
        requests: "keys, environments, and three listings of clusters for each environment",
    },
    Control {
        name: "near_quota",
        severity: "medium",
        status: "alarm",
        description: "A quota is nearly used up.",
        sql: "SELECT id AS resource,
    CAST(usage AS VARCHAR) || ' of ' || CAST(applied_limit AS VARCHAR)
        || coalesce(' for ' || kafka_cluster.id, ' for ' || network.id, ' for ' || environment.id, '') AS reason,
    quotas.\"user\".id AS owner_id
FROM confluent.quotas.applied_quotas AS quotas
WHERE applied_limit > 0 AND usage * 100 >= applied_limit * {near_quota_percent}",
        setting: Some(&NEAR_QUOTA),
        source: "Confluent, Service Quotas",
        requests: "quotas, once for each of 8 scopes",
    },
    Control {
        name: "idle_service_account",
        severity: "low",
        status: "alarm",
        description: "The service account has no keys.",
        sql: "SELECT accounts.id AS resource,
    coalesce('`' || accounts.display_name || '` has no keys', 'has no keys') AS reason,
    accounts.id AS owner_id
FROM confluent.iam.service_accounts AS accounts
LEFT JOIN confluent.iam.vw_api_keys AS keys ON keys.owner_id = accounts.id
WHERE keys.id IS NULL",
        setting: None,
        source: "Confluent, delete unneeded service accounts",
        requests: "keys, service accounts",
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_setting_stands_in_the_query_of_its_control() {
        assert_eq!(CONTROLS.len(), 14);
        for control in CONTROLS {
            assert!(["critical", "high", "medium", "low"].contains(&control.severity));
            let is_info = ["owner_is_person", "broad_scope"].contains(&control.name);
            assert_eq!(control.status == "info", is_info, "{}", control.name);
            let query = control.query(|setting| setting.default.to_string());
            assert!(!query.contains(['{', '}']), "{query}");
            assert_eq!(query == control.sql, control.setting.is_none());
        }
    }
}
