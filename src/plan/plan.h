// SPDX-License-Identifier: Apache-2.0
// The plan: everything about one product that may be disclosed, as values. What a station's ports,
// paths and PINs are belongs to station.toml and is never here; nor are k, n or names of people.
// The file form is docs/formats/plan.md. Leaves out reading (parse.h), judging (check.h) and
// showing (show.h, diff.h). Values; thread-compatible.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/bytes.h"
#include "vocab/vocab.h"

namespace birthmark::plan {

// Every value with a `line` says where it stands in the file (1-based, 0: made by hand).

// kRehearsalPen is the number IANA keeps for documentation (RFC 5612); only a rehearsal may use it.
inline constexpr uint32_t kRehearsalPen = 32473;

// Product is what is made. One plan, one product, one hardware variant.
struct Product {
  std::string id;            // lower-case letters, digits, hyphens; never changes
  std::string name;          // as sold: "Ridgeback S1"
  std::string manufacturer;  // organizationName of certificates
  std::string hardware_variant;
  std::string firmware;            // version the disclosure speaks of
  uint32_t enterprise_number = 0;  // IANA PEN of the manufacturer
  std::string serial_pattern;      // "BMC-{:04}": text, {} or {:0N} once, text; see FormatSerial
  std::optional<std::string> serial_list;  // or: file with a serial a line, relative to the plan
  std::optional<std::string> masa_url;     // id-pe-masa-url, RFC 8995 section 2.3.2
  std::optional<std::string> mud_url;      // id-pe-mud-url, RFC 8520 section 11
  // hwType of HardwareModuleName (RFC 4108 section 5) in dotted form; without it PEN.1.1 under
  // 1.3.6.1.4.1: see HardwareTypeOid.
  std::optional<std::string> hardware_type_oid;
  // How long units are looked after, and how long one may lie unopened before its first start;
  // absent: not said. Both are what the horizon is drawn with.
  std::optional<std::chrono::milliseconds> support, warehouse;
  bool clock = false;  // the device knows the time by itself, before any network
  int line = 0;
};

// Board selects the device emulator's board, for links "emulator:…".
enum class Board { kBmc, kBulb };
std::string_view ToText(Board b);
bool FromText(std::string_view s, Board& b);

// Continent is the fixed table of seven of identity-shared-split-continents.
enum class Continent { kAF, kAN, kAS, kEU, kNA, kOC, kSA };
std::string_view ToText(Continent c);
bool FromText(std::string_view s, Continent& c);

struct Site {
  std::string id;
  std::string name;
  std::string country;  // ISO 3166-1 alpha-2
  Continent continent = Continent::kEU;
  double latitude = 0;   // degrees, WGS 84, positive north
  double longitude = 0;  // degrees, WGS 84, positive east
  int line = 0;
};

// Station is a place on the line. `link` is the scheme alone ("serial", "emulator"): the rest of
// the URI is the station's own configuration.
struct Station {
  std::string id;
  std::string site;
  bool automated = false;  // declared; whether people were there is measured
  std::string link = "emulator";
  int line = 0;
};

// Step is one entry in the ordered list of what happens to a unit.
struct Step {
  vocab::StepKind kind{};
  std::string station;
  std::optional<std::string> to;  // ship: the site it goes to
  std::optional<vocab::Transfer>
      via;  // how the written thing gets in, where a step can do it two ways
  std::vector<vocab::Identity> slots;  // identity-provision, single-image-write: empty means all
  std::vector<std::string> anchors;    // anchors-write, single-image-write: empty means all
  std::string note;
  int line = 0;
};

struct Processor {
  std::string id;
  std::string name;
  std::string role;                        // "bmc", "host", "gpu": free text
  std::optional<std::string> boots_after;  // the processor that must have started before
  // The processors whose memory and flash this one can write, whatever they check of themselves.
  std::vector<std::string> reaches;
  std::string package;  // what shares its package, free text
  int line = 0;
};

// Lock is how something is closed for good.
enum class Lock { kFuse, kSoftware, kNone };
std::string_view ToText(Lock l);
bool FromText(std::string_view s, Lock& l);

// Encryption is whether a stage's image is encrypted, and how many devices share the key.
enum class Encryption { kNo, kSharedKey, kPerDeviceKey };
std::string_view ToText(Encryption e);
bool FromText(std::string_view s, Encryption& e);

// Stage is one piece of software of the boot chain.
struct Stage {
  std::string id;  // free, often the kind's own word
  vocab::StageKind kind{};
  std::string processor;
  std::string store;
  std::optional<std::string> verified_by;  // anchor id; absent: nothing verifies it before it runs
  Encryption encrypted = Encryption::kNo;
  Lock lock = Lock::kNone;
  std::string version = "1";
  std::vector<std::string> privileges;  // of a TAM: what its manifest allows, PrivilegeWords()
  int line = 0;
};

// Store is where stages, anchors and keys are kept. Whether it is internal follows from the kind.
struct Store {
  std::string id;
  vocab::StoreKind kind{};
  std::string processor;
  // The superior artifact: id of the stage or anchor that vouches for what is in this store, or of
  // the store whose key encrypts it. Absent: only the store's own nature protects it.
  std::optional<std::string> protected_by;
  bool writable_after_lock = false;
  int line = 0;
};

// Form is how an anchor is kept in the device.
enum class Form {
  kCertificate,
  kTrustAnchorInfo,
  kPublicKey,
  kKeyDigest,
  kPemBundle,
  kPgpKeyring,
  kDnskey,
  kDs,
};
std::string_view ToText(Form f);
bool FromText(std::string_view s, Form& f);

// Change is who can change an anchor in one way: nobody, whoever controls a superior artifact, a
// role, or anybody who reaches the store.
struct Change {
  enum class By { kNobody, kArtifact, kRole, kUnprotected };
  By by = By::kNobody;
  std::string who;      // kArtifact: stage or anchor id; kRole: the role
  std::string channel;  // "signed update", "EST cacerts", "voucher"…; may be empty
};
// ToText gives "no", "by:update", "role:owner" or "unprotected", with " via CHANNEL" when told.
std::string ToText(const Change& c);
bool FromText(std::string_view s, Change& c);

// Aspects is the four aspects of section 3 as declared; absent: not declared.
struct Aspects {
  std::optional<Change> replace, add, remove;
  std::optional<std::string> keep;  // open text: how the private key is kept
};

struct Anchor {
  std::string id;
  std::vector<vocab::AnchorKind> kinds;  // one anchor may play several kinds (3.2, 3.6)
  // Relative to the plan or absolute. Empty: "generated", init makes the key under `pki`; or none,
  // the store starts empty (an onboarded network-local anchor).
  std::string file;
  bool generated = false;
  std::optional<std::string> pki;  // the plan's PKI behind a generated anchor
  Form form = Form::kCertificate;
  std::string store;
  // One of VerifiesWords(): "first-stage", "second-stage", "application", "bundle" are what the
  // device's boot chain looks for; the rest say what the anchor is for.
  std::string verifies;
  std::vector<int> levels;  // pkilevels the device accepts; empty: any
  // Restrictions on the signer (pki-lock-policy), each as declared.
  std::vector<std::string> eku;         // OIDs, dotted
  std::vector<std::string> policy_oid;  // OIDs, dotted
  std::optional<std::string> subject;   // substring of the signer's subject in RFC 4514 form
  // What names the signer's must lie under: "dn:O=Acme" (RFC 4514) or "dns:acme.example".
  std::vector<std::string> name_constraints;
  std::optional<std::string> subordinate;    // commonName of the authority the path must go through
  std::vector<vocab::Algorithm> algorithms;  // accepted, as declared; measured by trial
  std::string keeper;                        // who keeps the private key, and how
  bool third_party = false;        // run by others: WebPKI, DNSSEC, a distribution's keyring
  std::string practice_statement;  // URL of the third party's published statement
  Aspects aspects;
  int line = 0;
};

// PrivilegeWords is the closed list of what a TAM's manifest may allow it (3.3).
const std::vector<std::string>& PrivilegeWords();

// VerifiesWords is the closed list of what an anchor can verify.
const std::vector<std::string>& VerifiesWords();

// RestartPolicy is what happens to a key when a step is repeated before the identity lock.
enum class RestartPolicy { kResume, kNewKey };
std::string_view ToText(RestartPolicy p);
bool FromText(std::string_view s, RestartPolicy& p);

// Attestation is whether a slot's key must come with proof of where it was made.
enum class Attestation { kOptional, kRequired, kForbidden };
std::string_view ToText(Attestation a);
bool FromText(std::string_view s, Attestation& a);

// kRehearsalRoots in vendor-roots is the maker of the emulated parts of a rehearsal.
inline constexpr std::string_view kRehearsalRoots = "rehearsal";

// CaOption is whose authority certifies keys made in the silicon maker's factory (4.1.1.5): its own
// generic one (a), one it runs on the device maker's behalf (b), the device maker's, to which that
// factory connects (c).
enum class CaOption { kGeneric, kOnBehalf, kConnected };
std::string_view ToText(CaOption o);
bool FromText(std::string_view s, CaOption& o);

// SeedOrigin is where the chip keeps the seed that carrot derives from (4.1.1.3).
enum class SeedOrigin { kFuses, kTpm, kSecureElement, kPuf };
std::string_view ToText(SeedOrigin o);
bool FromText(std::string_view s, SeedOrigin& o);

// IdentitySlot is one identity of a unit; a unit never has two live ones in a slot.
struct IdentitySlot {
  vocab::Identity slot{};
  vocab::Method method{};
  vocab::Transfer transfer{};
  std::string store;
  vocab::Algorithm algorithm{};
  Lock identity_lock = Lock::kFuse;
  RestartPolicy restart = RestartPolicy::kResume;
  std::optional<std::string> pki;  // default: the one PKI with purpose identity
  std::optional<uint64_t> batch;   // group: how many devices share the key
  // Salak, sapodilla, and an attestation key.
  Attestation attestation = Attestation::kOptional;
  std::vector<std::string> vendor_roots;  // PEM files of the makers' roots, relative to the plan
  std::optional<CaOption> ca_option;      // sapodilla
  std::string activation;  // sapodilla: what opens the part; it stands in all firmware, no secret
  std::string disclosure;  // sapodilla a and b: the other party's signed disclosure, a file
  // Carrot.
  std::optional<SeedOrigin> seed_origin;
  bool mixes_entropy = false;  // the device adds what the factory cannot recompute
  bool derived = false;   // symmetric: derived from the product's master key, not drawn at random
  bool on_label = false;  // password: printed on the unit's label, and kept nowhere else
  int line = 0;
};

// IsSecret is true for slots that hold no key pair: a symmetric secret, a password. They have no
// PKI.
bool IsSecret(vocab::Identity slot);

// Lifetime is a duration or "never": notAfter 99991231235959Z (RFC 5280 section 4.1.2.5).
struct Lifetime {
  bool never = false;
  std::chrono::milliseconds duration{0};
  bool operator==(const Lifetime&) const = default;
};
std::string ToText(const Lifetime& l);
// DurationText is ISO 8601 with years or months where they come out even: P2Y, else P90D, PT6H.
std::string DurationText(std::chrono::milliseconds d);
bool FromText(std::string_view s, Lifetime& l);

// Custody is how an authority's private key is kept: in a file of this machine, in a PKCS #11
// module, in a TPM, as a file whose wrapping key is split among people (recovered by k of them), or
// as a threshold key that never exists in one place (5.3.1).
enum class Custody { kSoftware, kPkcs11, kTpm, kSplit, kThreshold };
std::string_view ToText(Custody c);
bool FromText(std::string_view s, Custody& c);

// Level is one level of certification authorities, counted from the trust anchor = 1.
struct Level {
  int level = 1;
  std::string name;  // commonName; "{}" is replaced by the authority's number at that level
  vocab::Algorithm algorithm{};
  bool offline = false;
  Lifetime lifetime;
  // A subordinate is retired by time, by count, or by whichever comes first.
  std::optional<std::chrono::milliseconds> issuing_window;
  std::optional<uint64_t> max_count;  // certificates it signs before it retires
  uint32_t successors = 0;            // how many are signed ahead, to take over without the parent
  Custody custody = Custody::kSoftware;
  // What this authority says of the certificates it signed, and where. Absent: nothing is said.
  std::optional<std::chrono::milliseconds> crl_lifetime;  // from thisUpdate to nextUpdate
  uint32_t crl_reserve = 0;            // CRLs signed ahead, each of crl_lifetime, for an outage
  std::optional<std::string> crl_url;  // distribution point, plain HTTP; "{}": the authority's id
  std::optional<std::string> ocsp_url;
  int line = 0;
};

// EndEntity is the certificates the last level signs: devices, disclosure signers, code signers.
struct EndEntity {
  std::string name;  // commonName where a purpose needs one; devices have their serial number
  std::optional<vocab::Algorithm> algorithm;  // devices: from the slot
  Lifetime lifetime;
  Custody custody = Custody::kSoftware;  // of the key that init makes
  // Anchors' signers alone: whether a request for a signer's certificate must prove that its key is
  // in hardware, and where a signer sits, one certificate and key each; empty: one signer.
  Attestation proof = Attestation::kOptional;
  std::vector<std::string> time_zones;  // "UTC+1", the first is the workspace's own
  // Signers is how many certificates of its own a PKI behind an anchor is designed to have.
  size_t Signers() const { return time_zones.empty() ? 1 : time_zones.size(); }
  int line = 0;
};

// Purpose is what a PKI's end-entity certificates are for.
enum class Purpose { kIdentity, kDisclosure, kAnchor };
std::string_view ToText(Purpose p);
bool FromText(std::string_view s, Purpose& p);

// Pki is one PKI: its certification authorities in order and its end entities. No levels at all is
// a level-1 PKI: the end-entity key is its own anchor (3.6).
struct Pki {
  std::string id;
  Purpose purpose = Purpose::kIdentity;
  std::vector<Level> levels;  // 1..n without a gap
  EndEntity end_entity;
  // EeLevel is the level of the end entities: one more than the authorities, and 1 when the key is
  // its own anchor. Source: draft -02 section 5.1.
  int EeLevel() const { return static_cast<int>(levels.size()) + 1; }
  int line = 0;
};

// DeclaredValue is a value as its question's vocab::ValueType says; monostate when there is none.
using Scalar = std::variant<bool, int64_t, std::string>;
using DeclaredValue = std::variant<std::monostate, bool, int64_t, std::string,
                                   std::vector<std::string>, std::map<std::string, Scalar>>;
// ToText shows a value on one line.
std::string ToText(const DeclaredValue& v);

// Declared is what a person says in answer to one question about one subject.
struct Declared {
  vocab::Question question{};
  // Subject: "device", "identity-pki:<id>", "share-set:<id>", "anchor:<id>". "device" and the one
  // identity PKI are filled in by the parser when left out.
  std::string subject;
  vocab::AnswerState state = vocab::AnswerState::kAnswered;
  DeclaredValue value;
  std::string role;  // of who says so, never a name
  std::string date;  // 2026-11-21
  std::string note;
  // withheld: the whole value (state withheld), or the part named while the rest is told.
  std::string withheld_part;
  std::string reason;  // withheld, not-applicable: why
  std::string clause;  // withheld: the section that lets it, "5.3.1"
  int line = 0;
};

// Publication is how disclosed values are coarsened.
struct Publication {
  bool exact_counts = false;  // false: powers of ten for questions whose secrecy is bucket
  int period_days = 90;       // the period of first-stage-exposure
  bool list_sites = true;     // name sites and countries in the disclosure
  std::string contact;        // URL or mail address a reader may write to
  int line = 0;
};

struct Plan {
  int schema = 1;  // of the file form
  Product product;
  std::optional<Board> board;  // only emulated devices have one
  std::vector<Site> sites;
  std::vector<Station> stations;
  std::vector<Step> steps;  // in the order they happen to a unit
  std::vector<Processor> processors;
  std::vector<Stage> stages;
  std::vector<Store> stores;
  std::vector<Anchor> anchors;
  std::vector<IdentitySlot> identities;
  std::vector<Pki> pkis;
  std::vector<Declared> declared;
  Publication publication;
  bool example = false;  // an example that `init --production` refuses

  std::string raw;  // the file, byte for byte
  Digest digest{};  // SHA-256 of raw: the plan digest of every event

  const Site* FindSite(std::string_view id) const;
  const Station* FindStation(std::string_view id) const;
  const Processor* FindProcessor(std::string_view id) const;
  const Stage* FindStage(std::string_view id) const;
  // FindStageKind is the first stage of a kind.
  const Stage* FindStageKind(vocab::StageKind kind) const;
  const Store* FindStore(std::string_view id) const;
  const Anchor* FindAnchor(std::string_view id) const;
  // FindAnchorKind is the first anchor that plays a kind.
  const Anchor* FindAnchorKind(vocab::AnchorKind kind) const;
  const Pki* FindPki(std::string_view id) const;
  // FindSlot is the identity of a slot.
  const IdentitySlot* FindSlot(vocab::Identity slot) const;
  // FindStep is the first step of a kind.
  const Step* FindStep(vocab::StepKind kind) const;
  // PkiOf is the PKI that certifies a slot; null for a symmetric secret, a password, and a group
  // key whose slot names none. IdentityPki and DisclosurePki are the first with that purpose; never
  // null in a plan without findings.
  const Pki* PkiOf(const IdentitySlot& slot) const;
  const Pki* IdentityPki() const;
  const Pki* DisclosurePki() const;
};

// FormatSerial fills the pattern: "{}" with the number, "{:0N}" with it padded to N digits.
std::string FormatSerial(std::string_view pattern, uint64_t number);
// IsTimeZone is true for "UTC", "UTC+1", "UTC-8", "UTC+5:30": -12 to +14 hours.
bool IsTimeZone(std::string_view s);
// NumberOf is the number whose serial this is; absent when the pattern makes no such serial.
std::optional<uint64_t> NumberOf(std::string_view pattern, std::string_view serial);
// IsSerialPattern is true for a pattern with exactly one {} or {:0N} (N 1..12), made of characters
// a PrintableString takes, without white space, / \ and :, and no longer than 40.
bool IsSerialPattern(std::string_view pattern);
// HardwareTypeOid is the plan's own, or 1.3.6.1.4.1.PEN.1.1.
std::string HardwareTypeOid(const Product& p);

}  // namespace birthmark::plan
