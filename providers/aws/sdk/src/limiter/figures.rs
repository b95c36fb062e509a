//! Which calls share a bucket, and how large the buckets are.

/// Calls that share a rate.
///
/// EC2 and Certificate Manager count each operation by itself; one bucket for several is stricter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Bucket {
    /// Elastic Load Balancing: `Describe…`.
    ElbDescribe,
    /// Elastic Load Balancing: `Create…`, `Modify…`, `Set…`, `Delete…`, tags.
    ElbModify,
    /// Elastic Load Balancing: `RegisterTargets`, `DeregisterTargets`.
    ElbTargets,
    /// VPC Lattice: `Get…`, `List…`.
    LatticeRead,
    /// VPC Lattice: the others.
    LatticeWrite,
    /// EC2: `Describe…`.
    Ec2Read,
    /// EC2: the others.
    Ec2Write,
    /// Certificate Manager: `ListCertificates`.
    AcmList,
    /// Certificate Manager: `DescribeCertificate` and other reads of one certificate.
    AcmRead,
    /// Certificate Manager: `ImportCertificate`.
    AcmImport,
    /// Certificate Manager: other writes.
    AcmWrite,
    /// Resource Groups Tagging: `GetResources`.
    TaggingRead,
    /// Service Quotas.
    QuotasRead,
    /// S3: `PutObject`, `DeleteObject`.
    S3Write,
    /// AWS WAF: `Get…`.
    WafRead,
    /// AWS WAF: the others.
    WafWrite,
    /// AWS Shield: `Describe…`.
    ShieldRead,
    /// AWS Shield: the others.
    ShieldWrite,
    /// Security Token Service.
    Identity,
}

/// Size and refill of a bucket.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Figures {
    /// Calls at once, when the bucket is full.
    pub burst: u32,
    /// Calls a second, for ever.
    pub per_second: f64,
}

/// Where figures come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Basis {
    /// This page of AWS.
    Documented(&'static str),
    /// AWS documents none; this is why we took these.
    Assumed(&'static str),
}

const ELB: &str = "https://docs.aws.amazon.com/elasticloadbalancing/latest/userguide/elb-api-throttling.html";
const EC2: &str = "https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-throttling.html";
const ACM: &str = "https://docs.aws.amazon.com/acm/latest/userguide/acm-limits.html#api-rate-limits";
const WAF: &str = "https://docs.aws.amazon.com/waf/latest/developerguide/limits.html";
const LBC: &str = "the defaults of the AWS Load Balancer Controller (pkg/aws/throttle/defaults.go)";

impl Bucket {
    /// All.
    pub const ALL: [Self; 19] = [
        Self::ElbDescribe,
        Self::ElbModify,
        Self::ElbTargets,
        Self::LatticeRead,
        Self::LatticeWrite,
        Self::Ec2Read,
        Self::Ec2Write,
        Self::AcmList,
        Self::AcmRead,
        Self::AcmImport,
        Self::AcmWrite,
        Self::TaggingRead,
        Self::QuotasRead,
        Self::S3Write,
        Self::WafRead,
        Self::WafWrite,
        Self::ShieldRead,
        Self::ShieldWrite,
        Self::Identity,
    ];

    /// The one with a name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|bucket| bucket.label() == name)
    }

    /// Its name.
    pub const fn label(self) -> &'static str {
        match self {
            Self::ElbDescribe => "elb_describe",
            Self::ElbModify => "elb_modify",
            Self::ElbTargets => "elb_targets",
            Self::LatticeRead => "lattice_read",
            Self::LatticeWrite => "lattice_write",
            Self::Ec2Read => "ec2_read",
            Self::Ec2Write => "ec2_write",
            Self::AcmList => "acm_list",
            Self::AcmRead => "acm_read",
            Self::AcmImport => "acm_import",
            Self::AcmWrite => "acm_write",
            Self::TaggingRead => "tagging_read",
            Self::QuotasRead => "quotas_read",
            Self::S3Write => "s3_write",
            Self::WafRead => "waf_read",
            Self::WafWrite => "waf_write",
            Self::ShieldRead => "shield_read",
            Self::ShieldWrite => "shield_write",
            Self::Identity => "identity",
        }
    }

    /// Size and refill of an account without raised quotas.
    pub const fn figures(self) -> Figures {
        self.row().0
    }

    /// Where they come from.
    pub const fn basis(self) -> Basis {
        self.row().1
    }

    const fn row(self) -> (Figures, Basis) {
        const fn row(burst: u32, per_second: f64, basis: Basis) -> (Figures, Basis) {
            (Figures { burst, per_second }, basis)
        }
        match self {
            Self::ElbDescribe => row(40, 10.0, Basis::Documented(ELB)),
            // One below the peer's 20: the two ends of a call do not see it at one moment.
            Self::ElbModify => row(19, 3.0, Basis::Assumed(LBC)),
            Self::ElbTargets => row(20, 4.0, Basis::Assumed(LBC)),
            // Its quotas page names no rates.
            Self::LatticeRead => row(
                40,
                10.0,
                Basis::Assumed("as for describes of Elastic Load Balancing"),
            ),
            Self::LatticeWrite => row(
                20,
                3.0,
                Basis::Assumed("as for changes of Elastic Load Balancing"),
            ),
            Self::Ec2Read => row(100, 20.0, Basis::Documented(EC2)),
            Self::Ec2Write => row(
                20,
                5.0,
                Basis::Assumed("a quarter of the documented rate of reads"),
            ),
            // Earlier editions of the page say 1 a second, later ones more.
            Self::AcmList => row(1, 1.0, Basis::Documented(ACM)),
            Self::AcmRead => row(10, 10.0, Basis::Documented(ACM)),
            Self::AcmImport => row(1, 1.0, Basis::Documented(ACM)),
            Self::AcmWrite => row(5, 5.0, Basis::Documented(ACM)),
            Self::TaggingRead => row(5, 5.0, Basis::Assumed("half of the documented rate of describes")),
            Self::QuotasRead => row(5, 1.0, Basis::Assumed("quotas are read rarely")),
            Self::S3Write => row(
                10,
                5.0,
                Basis::Assumed("bundles are few; S3 takes thousands a second"),
            ),
            // "Maximum number of calls to GetWebACLForResource: one request per second", to AssociateWebACL and
            // DisassociateWebACL "one request every two seconds".
            Self::WafRead => row(1, 1.0, Basis::Documented(WAF)),
            Self::WafWrite => row(1, 0.5, Basis::Documented(WAF)),
            Self::ShieldRead => row(5, 1.0, Basis::Assumed("as for reads of AWS WAF")),
            Self::ShieldWrite => row(5, 0.5, Basis::Assumed("as for changes of AWS WAF")),
            Self::Identity => row(5, 1.0, Basis::Assumed("an identity is read once")),
        }
    }
}
