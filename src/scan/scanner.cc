// SPDX-License-Identifier: Apache-2.0
// The order in which a file is looked at: container, program, known store, rule of its place, and
// at last a search through its octets.
#include "scan/scanner.h"

#include <fmt/format.h>

#include <algorithm>

#include "anchors/read.h"
#include "crypto/der.h"

namespace birthmark::scan {
namespace {

constexpr size_t kHead = 4096;
constexpr size_t kMaxPath = 4096;
constexpr int kMaxHops = 40;  // as Linux itself has it

std::string_view FolderPart(std::string_view path) {
  const size_t slash = path.rfind('/');
  return slash == std::string_view::npos ? "" : path.substr(0, slash);
}
std::string_view NamePart(std::string_view path) {
  const size_t slash = path.rfind('/');
  return slash == std::string_view::npos ? path : path.substr(slash + 1);
}

// NormalPath resolves "." and ".." by their words alone; ".." never leaves the root.
std::string NormalPath(std::string_view path) {
  std::vector<std::string_view> parts;
  while (!path.empty()) {
    const size_t end = std::min(path.find('/'), path.size());
    const std::string_view part = path.substr(0, end);
    path.remove_prefix(std::min(end + 1, path.size()));
    if (part.empty() || part == ".") continue;
    if (part != "..") {
      parts.push_back(part);
    } else if (!parts.empty()) {
      parts.pop_back();
    }
  }
  std::string out;
  for (const std::string_view part : parts) out.append("/").append(part);
  return out;
}

// PrivateLabel is true for PEM blocks that hold a private key.
bool PrivateLabel(std::string_view label) { return label.ends_with("PRIVATE KEY"); }
bool CertificateLabel(std::string_view label) {
  return label.empty() || label == "CERTIFICATE" || label == "X509 CERTIFICATE" ||
         label == "TRUSTED CERTIFICATE";
}

}  // namespace

void Scanner::Unreadable(std::string where, std::string code, std::string reason) {
  if (report_.unread.size() >= options_.limits.unread) {
    ++report_.unread_more;
    return;
  }
  report_.unread.push_back({std::move(where), std::move(code), std::move(reason)});
}

Where Scanner::Inner(const Where& container) const {
  Where out;
  out.depth = container.depth + 1;
  out.place = container.place;
  // The scanned thing itself is named once, by the report.
  if (!container.top) out.in = container.Text();
  return out;
}

Status Ratio::Take(uint64_t n) {
  const Limits& limits = scanner_.options().limits;
  const uint64_t all = n > UINT64_MAX - given_ ? UINT64_MAX : given_ + n;
  if (all > limits.ratio_from && all / limits.ratio > size_) {
    return Refused("scan.bomb", fmt::format("{} octets became more than {}; the rest is left out",
                                            size_, std::max(given_, limits.ratio_from)));
  }
  if (!scanner_.Charge(n)) {
    return Refused("scan.full",
                   fmt::format("archives gave more than {} octets together", limits.unpacked));
  }
  given_ = all;
  return {};
}

bool Scanner::Charge(uint64_t unpacked) {
  // What is refused is not counted: one file's false size must not close the door for all others.
  if (unpacked > options_.limits.unpacked - unpacked_) return false;
  unpacked_ += unpacked;
  report_.bytes += unpacked;
  if (options_.progress) options_.progress(unpacked);
  return true;
}

void Scanner::Looked(uint64_t size) {
  report_.bytes += size;
  if (options_.progress) options_.progress(size);
}

void Scanner::Listed(std::string_view line) {
  listed_ = true;
  listing_.Update(AsBytes(line)).Update(AsBytes("\n"));
}

const Place* Scanner::PlaceOfPath(const Where& where) {
  if (where.place != nullptr) return where.place;
  std::string folder;
  if (where.in.empty()) folder = root_;
  folder += FolderPart(where.path);
  if (folder != folder_ || folder_places_.empty()) {
    folder_places_ = PlacesOfFolder(folder);
    folder_ = std::move(folder);
  }
  return PlaceOf(folder_places_, NamePart(where.path));
}

void Scanner::File(const Where& where, const SourcePtr& file, const Meta& meta) {
  ++report_.files;
  if (where.path.size() > kMaxPath) {
    Unreadable(where.Text().substr(0, 200) + "…", "scan.path-too-long", "its path is too long");
    return;
  }
  if (report_.items.size() >= options_.limits.items) {
    if (!full_said_) {
      Unreadable(where, {ErrorKind::kNegative, "scan.full",
                         fmt::format("{} items were found; nothing from here on is looked at",
                                     report_.items.size()),
                         ""});
    }
    full_said_ = true;
    return;
  }
  if (file->size() == 0) return;
  head_.resize(kHead);
  const auto got = file->ReadAt(0, head_);
  if (!got) return Unreadable(where, got.error());
  // A reader of what is inside uses head_ again: each gets what it needs before.
  const Bytes head(head_.begin(), head_.begin() + static_cast<ptrdiff_t>(*got));
  Where placed = where;
  const Place* place = PlaceOfPath(where);
  if (place != nullptr && place->kind) placed.place = place;
  if (place == nullptr) RootFile(where, file);
  if (Container(placed, file, meta, head)) return;
  if (Program(where, file, meta, head)) return;
  if (KnownStore(where, file, meta, place, head)) return;
  if (place != nullptr && Placed(where, file, meta, *place, head)) return;
  if (place != nullptr || options_.search || where.top) Search(where, file, meta, place);
}

void Scanner::Search(const Where& where, const SourcePtr& file, const Meta& meta,
                     const Place* place) {
  const bool believed = place != nullptr && place->reader != Reader::kPrivateKeys;
  std::optional<size_t> store;
  auto add = [&](size_t item, Role role, const Hit& hit) {
    if (!store) {
      const bool whole = hit.offset == 0 && hit.size == file->size();
      store =
          NewStore(where, meta, place, hit.label.empty() ? (whole ? "der" : "embedded") : "pem");
      if (!believed && role == Role::kPrivateKey && place == nullptr) {
        report_.stores[*store].reason = "found by its content";
      }
    }
    const bool grouped = place != nullptr && place->grouped;
    AddMember(*store, item, role,
              grouped ? std::string(NamePart(where.path)) : fmt::format("octet {}", hit.offset));
    in_file_[where.in + "!" + NormalPath(where.path)].push_back({item, role});
  };
  const Role role = believed ? Role::kAnchor : Role::kCertificate;
  // Firmware that is nothing we know may hold bare keys; programs of a system are full of examples.
  SearchOptions options{.keys = where.top, .max_hits = SearchOptions().max_hits};
  std::vector<Bytes> keyrings;
  auto found = [&](Hit hit) {
    if (hit.broken) {
      if (place != nullptr && CertificateLabel(hit.label)) {
        Unreadable(where,
                   {ErrorKind::kNegative, "scan.certificate-malformed",
                    fmt::format("the block at octet {} has no end, or no base64", hit.offset), ""});
      }
      return false;
    }
    if (PrivateLabel(hit.label) && !hit.label.starts_with("PGP ")) {
      if (hit.der.size() < 32 && !hit.encrypted) return false;
      add(PrivateKeyItem(hit), Role::kPrivateKey, hit);
      return true;
    }
    if (hit.label == "PGP PUBLIC KEY BLOCK") {
      keyrings.push_back(std::move(hit.der));
      return true;
    }
    std::optional<size_t> item;
    if (CertificateLabel(hit.label)) {
      // OpenSSL's TRUSTED CERTIFICATE has its own trust behind the certificate.
      if (hit.label == "TRUSTED CERTIFICATE") {
        crypto::DerReader reader(hit.der);
        if (auto first = reader.Next()) {
          hit.der = Bytes(first->whole.begin(), first->whole.end());
        }
      }
      item = CertificateItem(hit.der);
      if (!item && !hit.label.empty() && place != nullptr) {
        Unreadable(where, {ErrorKind::kNegative, "scan.certificate-malformed",
                           fmt::format("the block at octet {} is no certificate", hit.offset), ""});
      }
    } else if (hit.label == "PUBLIC KEY" || (options.keys && hit.label.empty())) {
      item = KeyItem(hit.der);
    }
    if (!item && hit.label.empty() && options.keys) item = KeyItem(hit.der);
    if (!item) return false;
    add(*item, role, hit);
    return true;
  };
  if (const Status done = FindEmbedded(*file, options, found); !done)
    Unreadable(where, done.error());
  for (Bytes& text : keyrings) Keyring(where, file, meta, place, std::move(text));
  if (!store || report_.stores[*store].form == "folder") return;
  Store& s = report_.stores[*store];
  if (s.form == "pem" && file->size() <= anchors::kMaxAnchorFile) {
    std::vector<anchors::AnchorEntry> entries;
    for (const Member& m : s.members) {
      if (m.role != Role::kPrivateKey) entries.push_back(report_.items[m.item].entry);
    }
    s.set_digest = anchors::SetDigest(entries);
  }
  if (s.form != "embedded") {
    if (const auto data = ReadWhole(*file, anchors::kMaxAnchorFile)) {
      s.digest = crypto::Sha256(*data);
    }
  }
}

void Scanner::Link(const Where& where, std::string_view target) {
  if (target.empty() || target.size() > kMaxPath) return;
  const bool top = FolderPart(where.path).empty();
  const Place* place = PlaceOfPath(where);
  if (!top && (place == nullptr || !place->kind)) return;
  std::vector<LinkSeen>& links = links_[where.in];
  if (links.size() >= options_.limits.items) return;
  // The path it leads to, seen from the root of its container. An absolute one inside a scanned
  // folder that is no root leads elsewhere, and simply is not found.
  std::string to =
      target.starts_with('/')
          ? NormalPath(target)
          : NormalPath(std::string(FolderPart(where.path)) + "/" + std::string(target));
  links.push_back({NormalPath(where.path), std::move(to), place});
}

void Scanner::FinishLinks(const std::string& in) {
  const auto links = links_.extract(in);
  if (links.empty()) return;
  std::map<std::string, std::string, std::less<>> leads;
  for (const LinkSeen& link : links.mapped()) leads.emplace(link.path, link.target);
  size_t outside = 0, circles = 0;
  for (const LinkSeen& link : links.mapped()) {
    if (link.place == nullptr || !link.place->kind) continue;
    std::string to = link.target;
    int hops = 0;
    for (; hops < kMaxHops; ++hops) {
      // /lib is a link to /usr/lib on most systems.
      const size_t second = to.find('/', 1);
      if (const auto next = leads.find(to); next != leads.end()) {
        to = next->second;
      } else if (second != std::string::npos && leads.contains(to.substr(0, second))) {
        to = leads.find(to.substr(0, second))->second + to.substr(second);
      } else {
        break;
      }
    }
    if (hops == kMaxHops) {
      ++circles;
      continue;
    }
    const auto file = in_file_.find(in + "!" + to);
    if (file == in_file_.end()) {
      ++outside;
      continue;
    }
    const size_t store = NewStore({in, link.path, 0, link.place}, {}, link.place, "link");
    if (report_.stores[store].protection == "not known") {
      report_.stores[store].protection = "links to files; see the stores of those";
    }
    for (const auto& [item, role] : file->second) {
      AddMember(store, item, role == Role::kCertificate ? Role::kAnchor : role,
                std::string(NamePart(link.path)));
    }
  }
  if (circles > 0) {
    Unreadable(in.empty() ? report_.target : in, "scan.loop",
               fmt::format("{} links in stores lead in circles", circles));
  }
  if (outside > 0) {
    Unreadable(in.empty() ? report_.target : in, "scan.link",
               fmt::format("{} links in stores lead to nothing that was looked at, or to no anchor",
                           outside));
  }
}

void Scanner::Finish() {
  FinishRoots();
  if (listed_ && options_.hash_image) report_.image = listing_.Finish();
  for (const Named& n : named_) {
    const auto store = std::ranges::find_if(report_.stores, [&](const Store& s) {
      return s.in == n.in && (s.path == n.path || (n.in.empty() && root_ + s.path == n.path));
    });
    if (store == report_.stores.end()) {
      Unreadable(n.in.empty() ? n.by : n.in + "!" + n.by, "scan.named",
                 fmt::format("it names {}, in which no anchor was found", n.path));
      continue;
    }
    store->certainty = Certainty::kKnown;
    store->reason = n.by + " names it";
  }
  // A private key beside what it belongs to is a fact about both.
  std::map<Digest, std::pair<size_t, std::string>> keys;
  for (const Store& s : report_.stores) {
    for (const Member& m : s.members) {
      const auto& spki = report_.items[m.item].entry.spki_digest;
      if (m.role == Role::kPrivateKey && spki) keys.emplace(*spki, std::pair(m.item, s.Where()));
    }
  }
  for (size_t i = 0; i < report_.items.size(); ++i) {
    Item& item = report_.items[i];
    if (item.form == "private-key" || !item.entry.spki_digest) continue;
    const auto key = keys.find(*item.entry.spki_digest);
    if (key == keys.end()) continue;
    item.facts.push_back(
        {"scan.private-key-beside", "its private key lies there too, in " + key->second.second});
    report_.items[key->second.first].facts.push_back(
        {"scan.private-key-of", "belongs to " + item.entry.label});
  }
}

}  // namespace birthmark::scan
