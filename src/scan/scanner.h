// SPDX-License-Identifier: Apache-2.0
// The one pass over everything: files come in from the walkers, items go into the report. Internal
// to scan. Not thread-safe.
#pragma once

#include <map>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "crypto/digest.h"
#include "scan/embedded.h"
#include "scan/pe.h"
#include "scan/places.h"
#include "scan/scan.h"
#include "trust/store.h"

namespace birthmark::scan {

// Where is a place in the scanned thing: the chain of containers, then the path in the innermost.
struct Where {
  std::string in;
  std::string path;
  int depth = 0;
  const Place* place = nullptr;  // told by what is around it
  bool top = false;              // the scanned file itself, or what it holds compressed
  std::string Text() const { return in.empty() ? path : in + "!" + path; }
};

// Meta is what a file system or archive says of a file. Absent mode: it says nothing.
struct Meta {
  std::optional<uint32_t> mode;
  uint32_t uid = 0;
  std::string guard;     // what keeps the container from being changed
  std::string extra;     // of this file alone: "fs-verity"
  bool aside = false;    // in an archive that only lies there: no program reads what is in it
  bool package = false;  // in a Debian package, whose files are in one archive more
};

class Scanner {
 public:
  Scanner(const Options& options, Report& report) : options_(options), report_(report) {}

  const Options& options() const { return options_; }

  // File looks at one file. Its size is charged to nobody: walkers charge what they unpack.
  void File(const Where& where, const SourcePtr& file, const Meta& meta);
  // Link remembers a symbolic link where a store may be made of links.
  void Link(const Where& where, std::string_view target);
  // FinishLinks resolves the links of one container, when all its files were seen.
  void FinishLinks(const std::string& in);
  void Unreadable(std::string where, std::string code, std::string reason);
  void Unreadable(const Where& where, const Error& e) {
    Unreadable(where.Text(), e.code, e.message);
  }
  // Note makes a fact of a store that has no anchors of its own.
  void Note(const Where& where, const Meta& meta, std::string form, Fact fact);
  // Inner is where the files of a container stand.
  Where Inner(const Where& container) const;
  // Charge counts what an archive gives; false when there is no room for more.
  bool Charge(uint64_t unpacked);
  // Looked counts what was looked at where it lies.
  void Looked(uint64_t size);
  // Listed takes one line of a folder's listing into the image's digest.
  void Listed(std::string_view line);
  void Finish();
  // set_root is the absolute path of a scanned folder: rules look at whole paths.
  void set_root(std::string root) { root_ = std::move(root); }
  void CountSpecial() { ++report_.special; }

 private:
  friend class StoreFill;
  struct Named {
    std::string in, path, by;
  };
  struct RootFolder {
    std::optional<size_t> store;
    Bytes xml, p7s, authority;
  };
  struct LinkSeen {
    std::string path, target;
    const Place* place;
  };

  const Place* PlaceOfPath(const Where& where);
  // The readers answer whether the file was theirs.
  bool Container(const Where& where, const SourcePtr& file, const Meta& meta, ByteView head);
  bool Program(const Where& where, const SourcePtr& file, const Meta& meta, ByteView head);
  bool KnownStore(const Where& where, const SourcePtr& file, const Meta& meta, const Place* place,
                  ByteView head);
  bool Placed(const Where& where, const SourcePtr& file, const Meta& meta, const Place& place,
              ByteView head);
  void Search(const Where& where, const SourcePtr& file, const Meta& meta, const Place* place);
  // Names remembers the stores that a program's configuration names.
  void Names(const Where& where, std::string_view text);
  void Keyring(const Where& where, const SourcePtr& file, const Meta& meta, const Place* place,
               std::optional<Bytes> text = std::nullopt);

  // NewStore makes a store, or finds the one of a grouped place. Its digest is the file's.
  size_t NewStore(const Where& where, const Meta& meta, const Place* place, std::string form,
                  std::string part = "");
  void AddMember(size_t store, size_t item, Role role, std::string place);
  void AddTrust(const Where& where, const Meta& meta, const Place* place, const trust::Store& read,
                const std::optional<Digest>& digest);
  void AddFacts(const Where& where, const Meta& meta, const Place* place, ByteView data,
                const anchors::AnchorFacts& facts, std::string form);
  // Items are made once each; absent when the octets are not what they were taken for.
  std::optional<size_t> CertificateItem(ByteView der);
  std::optional<size_t> KeyItem(ByteView spki);
  size_t EntryItem(anchors::AnchorEntry entry, std::string form, ByteView der = {});
  // RootFile remembers what lies around root-anchors.xml; FinishRoots says who signed it.
  void RootFile(const Where& where, const SourcePtr& file, std::optional<size_t> store = {});
  void FinishRoots();
  // Signatures tells whether a signed program is what was signed, and says so in `inside`.
  void Signatures(const Where& where, const SourcePtr& file, const PeImage& image, Meta& inside);
  // PrivateKeyItem reads the public half of a private key, where it can be read.
  size_t PrivateKeyItem(const Hit& hit);

  const Options& options_;
  Report& report_;
  std::string root_;
  uint64_t unpacked_ = 0;
  bool full_said_ = false;
  Bytes head_;
  std::string folder_;  // the last one that rules were looked up for
  std::vector<const Place*> folder_places_;
  std::map<std::string, size_t, std::less<>> stores_;  // grouped ones by key
  std::map<std::string, size_t, std::less<>> items_;   // by form and fingerprint
  std::map<std::string, std::vector<std::pair<size_t, Role>>, std::less<>>
      in_file_;                                                      // items by file
  std::map<std::string, std::vector<LinkSeen>, std::less<>> links_;  // by container
  std::map<std::string, RootFolder> roots_;                          // by container and folder
  std::vector<Named> named_;
  std::set<std::tuple<size_t, size_t, Role>> members_;
  crypto::Sha256Hasher listing_;
  bool listed_ = false;
};

// Ratio is the watch over one archive or image: what it gave for what it is.
class Ratio {
 public:
  Ratio(Scanner& scanner, uint64_t size) : scanner_(scanner), size_(size) {}
  // Take counts n more octets. What was refused is not counted. Errors: scan.bomb, scan.full.
  Status Take(uint64_t n);

 private:
  Scanner& scanner_;
  uint64_t size_, given_ = 0;
};

// Walkers; each names what it cannot read and goes on.
void WalkFolder(Scanner& scanner, int fd, const Where& where, const Meta& meta);
void WalkCpio(Scanner& scanner, const Where& where, const SourcePtr& file, const Meta& meta);
void WalkArchive(Scanner& scanner, const Where& where, const SourcePtr& file, const Meta& meta);
void WalkExt(Scanner& scanner, const Where& where, const SourcePtr& file, const Meta& meta);
void WalkSquash(Scanner& scanner, const Where& where, const SourcePtr& file, const Meta& meta);
// WalkTree looks into a FIT image: a flattened device tree whose properties are files.
void WalkTree(Scanner& scanner, const Where& where, const SourcePtr& file, const Meta& meta);
// Unpacked is what a compressed file holds, up to where it breaks off.
struct Unpacked {
  SourcePtr content;
  std::string broken;  // why there is no more; empty when it is whole
};
// Unpack gives what a compressed file holds. Errors: scan.bomb, scan.compressed, scan.full,
// scan.spool.
Result<Unpacked> Unpack(Scanner& scanner, const SourcePtr& file);

// FactsOf is what is known of an entry by itself: test keys, expiry, weak algorithms.
std::vector<Fact> FactsOf(const anchors::AnchorEntry& entry, Time at);
// ImageGuard says what, behind a file system's last octet, vouches for the image.
std::string ImageGuard(const Source& file, uint64_t end);

}  // namespace birthmark::scan
