// SPDX-License-Identifier: Apache-2.0
// What a file is by its first octets: a container that is opened, one that is named and left
// closed, or a program with something inside.
#include <fmt/format.h>

#include <array>

#include "scan/authenticode.h"
#include "scan/cpio.h"
#include "scan/pe.h"
#include "scan/scanner.h"
#include "trust/esl.h"

namespace birthmark::scan {
namespace {

using enum vocab::AnchorKind;

constexpr Place kShim{.rule = "boot.shim",
                      .kind = kFirstBoot,
                      .verifies = "boot loaders, kernels and modules, by the shim",
                      .reason = "the certificate or list that is built into a shim"};
constexpr Place kKernel{.rule = "boot.kernel",
                        .kind = kOther,
                        .certainty = Certainty::kLikely,
                        .verifies = "modules, and kernels for kexec, by the kernel",
                        .reason = "certificates that lie in a kernel are its built-in keys"};

bool MagicAt(ByteView head, size_t at, std::string_view magic) {
  return head.size() >= at + magic.size() && AsText(head.subspan(at, magic.size())) == magic;
}
bool MagicIn(const Source& file, uint64_t at, std::string_view magic) {
  std::array<uint8_t, 16> buffer{};
  const auto out = std::span(buffer).first(magic.size());
  const auto got = file.ReadAt(at, out);
  return got && *got == magic.size() && AsText(out) == magic;
}

struct Closed {
  size_t at;
  std::string_view magic;
  std::string_view code, what;
};
// What we know by sight and do not open.
constexpr std::array<Closed, 16> kClosed = {{
    {0, "LUKS\xba\xbe", "scan.encrypted", "an encrypted volume (LUKS)"},
    {0, "Rar!\x1a\x07", "scan.format", "a RAR archive"},
    {0, "7z\xbc\xaf\x27\x1c", "scan.format", "a 7-Zip archive"},
    {0, "MSCF", "scan.format", "a Windows cabinet"},
    {0, "UBI#", "scan.format", "a UBI volume; give the file systems in it"},
    {0, "\x31\x18\x10\x06", "scan.format", "a UBIFS image"},
    {0, "\x45\x3d\xcd\x28", "scan.format", "a cramfs image"},
    {0, "XFSB", "scan.format", "an XFS image"},
    {0, "-rom1fs-", "scan.format", "a romfs image"},
    {512, "EFI PART", "scan.format", "a disk with a partition table; give its partitions"},
    {1024, "\xe2\xe1\xf5\xe0", "scan.format", "an EROFS image"},
    {0, "QFI\xfb", "scan.format", "a QCOW2 disk"},
    {0, "KDMV", "scan.format", "a VMDK disk"},
    {0, "070707", "scan.format", "a cpio archive of the old form"},
    {0, "\x3a\xff\x26\xed", "scan.format", "an Android sparse image; unpack it with simg2img"},
    {54, "FAT12   ", "scan.format", "a FAT file system"},
}};
constexpr std::array<Closed, 4> kClosedFar = {{
    {0x10040, "_BHRfS_M", "scan.format", "a btrfs image"},
    {32769, "CD001", "scan.format", "an ISO 9660 image"},
    {82, "FAT32   ", "scan.format", "a FAT file system"},
    {54, "FAT16   ", "scan.format", "a FAT file system"},
}};

// LooksLikeExt wants more than the two octets of the magic, which chance puts into some files: a
// block size and a revision that exist. Source: linux Documentation/filesystems/ext4/super.rst.
bool LooksLikeExt(ByteView h) {
  auto number = [&](size_t at) {
    return h[at] | uint32_t{h[at + 1]} << 8 | uint32_t{h[at + 2]} << 16 | uint32_t{h[at + 3]} << 24;
  };
  return h.size() >= 1104 && MagicAt(h, 1080, "\x53\xef") && number(1048) <= 6 && number(1100) <= 1;
}

bool IsCompressed(ByteView h) {
  return MagicAt(h, 0, "\x1f\x8b\x08") ||
         MagicAt(h, 0,
                 std::string_view("\xfd"
                                  "7zXZ\0",
                                  6)) ||
         MagicAt(h, 0, "\x28\xb5\x2f\xfd") ||
         (MagicAt(h, 0, "BZh") && h.size() > 10 && MagicAt(h, 4, "\x31\x41\x59\x26")) ||
         MagicAt(h, 0, "\x04\x22\x4d\x18") || MagicAt(h, 0, "\x02\x21\x4c\x18") ||
         MagicAt(h, 0, std::string_view("\x5d\0\0", 3));
}

std::string WithoutEnding(const std::string& path) {
  for (const std::string_view ending : {".gz", ".xz", ".zst", ".bz2", ".lz4", ".lzma"}) {
    if (path.ends_with(ending)) return path.substr(0, path.size() - ending.size());
  }
  return path;
}

}  // namespace

bool Scanner::Container(const Where& where, const SourcePtr& file, const Meta& meta,
                        ByteView head) {
  const bool ext = LooksLikeExt(head);
  const bool squash = MagicAt(head, 0, "hsqs");
  const bool cpio = LooksLikeCpio(head);
  const bool packed = IsCompressed(head);
  const bool archive = MagicAt(head, 257, "ustar") || MagicAt(head, 0, "PK\x03\x04") ||
                       MagicAt(head, 0, "PK\x05\x06") ||
                       (MagicAt(head, 0, "!<arch>\n") && MagicAt(head, 8, "debian-binary"));
  if (!ext && !squash && !cpio && !packed && !archive) {
    auto closed = [&](const Closed& c) {
      Unreadable(where, {ErrorKind::kNegative, std::string(c.code), std::string(c.what), ""});
      return true;
    };
    for (const Closed& c : kClosed) {
      if (MagicAt(head, c.at, c.magic)) return closed(c);
    }
    // Far signatures cost a read each: only of files that are large enough to be a disk.
    if (file->size() < (1 << 20) || (!where.top && !MagicAt(head, 510, "\x55\xaa"))) return false;
    for (const Closed& c : kClosedFar) {
      if (MagicIn(*file, c.at, c.magic)) return closed(c);
    }
    return false;
  }
  // A compressed file is no container of many; a few layers of it cost nothing.
  const int deepest = options_.depth + (where.top ? 1 : 0) + (packed && options_.depth > 0 ? 2 : 0);
  if (where.depth >= deepest) {
    if (options_.depth > 0) {
      Unreadable(
          where,
          {ErrorKind::kNegative, "scan.depth",
           fmt::format("a container below {} others; --depth looks deeper", where.depth), ""});
    } else {
      ++report_.unread_more;
    }
    return true;
  }
  if (packed) {
    const auto content = Unpack(*this, file);
    // A magic number of three octets may be chance.
    if ((!content || !content->broken.empty()) && !where.path.ends_with(".lzma") &&
        MagicAt(head, 0, std::string_view("\x5d\0\0", 3))) {
      return false;
    }
    if (!content) {
      Unreadable(where, content.error());
      return true;
    }
    if (!content->broken.empty())
      Unreadable(where, {ErrorKind::kNegative, "scan.compressed", content->broken, ""});
    Where inner = where;
    ++inner.depth;
    inner.path = WithoutEnding(where.path);
    Meta inside = meta;
    --report_.files;  // it is the same file once more
    File(inner, content->content, inside);
    return true;
  }
  ++report_.containers;
  if (where.top) {
    report_.what = ext                           ? "ext4 image"
                   : squash                      ? "squashfs image"
                   : cpio                        ? "initramfs"
                   : MagicAt(head, 257, "ustar") ? "tar archive"
                   : MagicAt(head, 0, "PK")      ? "zip archive"
                                                 : "Debian package";
  }
  Meta inside;
  inside.guard = meta.guard;
  inside.aside = meta.aside;
  auto add = [&](std::string words) {
    inside.guard += (inside.guard.empty() ? "" : "; ") + std::move(words);
  };
  if (ext) {
    add("in an ext4 image");
    WalkExt(*this, where, file, inside);
  } else if (squash) {
    add("in a squashfs image, which is only written as a whole");
    WalkSquash(*this, where, file, inside);
  } else if (cpio) {
    add("in an initramfs, which carries no signature of its own");
    WalkCpio(*this, where, file, inside);
  } else {
    add("in an archive");
    // What a rule names (otacerts.zip) and what was given to scan is read by somebody.
    inside.aside = meta.aside || (!where.top && where.place == nullptr && !meta.package);
    inside.package = MagicAt(head, 0, "!<arch>");
    WalkArchive(*this, where, file, inside);
  }
  FinishLinks(Inner(where).in);
  return true;
}

void Scanner::Signatures(const Where& where, const SourcePtr& file, const PeImage& image,
                         Meta& inside) {
  std::string words = "signed for Secure Boot (the signature was not checked)";
  const auto signatures = ReadSignatures(*file, image);
  if (!signatures) Unreadable(where, signatures.error());
  if (signatures && *signatures) {
    words = "signed for Secure Boot";
    const size_t store = NewStore(where, inside, nullptr, "authenticode", "signature");
    for (const ProgramSignature& s : **signatures) {
      const auto item = CertificateItem(s.signer);
      const std::string who = item ? report_.items[*item].entry.label : "somebody";
      if (s.why.empty()) {
        report_.stores[store].facts.push_back(
            {"scan.program-signed", "the program is what was signed by " + who});
      } else {
        words = "its signature for Secure Boot does not fit it";
        report_.stores[store].facts.push_back(
            {"scan.program-altered", fmt::format("signed by {}: {}", who, s.why)});
      }
    }
  }
  inside.extra += (inside.extra.empty() ? "" : "; ") + words;
}

bool Scanner::Program(const Where& where, const SourcePtr& file, const Meta& meta, ByteView head) {
  if (!MagicAt(head, 0, "MZ") && !MagicAt(head, 0x202, "HdrS")) return false;
  std::optional<PeImage> image;
  if (MagicAt(head, 0, "MZ")) {
    auto read = ReadPe(*file);
    if (!read) {
      Unreadable(where, read.error());
      return false;  // a search finds what is in it all the same
    }
    // DOS programs begin like this too.
    if (!*read) return false;
    image = std::move(**read);
  }
  const auto kernel = KernelPayload(*file);
  Meta inside = meta;
  if (where.top) report_.what = kernel ? "Linux kernel" : "UEFI program";
  if (image && image->signatures.size > 0) {
    const SourcePtr part = Slice(file, image->signatures.offset, image->signatures.size);
    const Status done = FindEmbedded(*part, {}, [&](const Hit& hit) {
      const auto item = hit.broken ? std::nullopt : CertificateItem(hit.der);
      if (!item) return false;
      const size_t store = NewStore(where, meta, nullptr, "authenticode", "signature");
      report_.stores[store].rule = "form.authenticode";
      report_.stores[store].certainty = Certainty::kKnown;
      report_.stores[store].reason = "certificates that came along with the program's signature";
      AddMember(store, *item, Role::kSigner, "");
      return true;
    });
    if (!done) Unreadable(where, done.error());
    Signatures(where, file, *image, inside);
  }
  if (image) {
    const auto lists = ReadShimLists(*file, *image);
    if (!lists) Unreadable(where, lists.error());
    if (lists && *lists) {
      for (const auto& [extent, refused] :
           {std::pair((*lists)->believed, false), std::pair((*lists)->refused, true)}) {
        if (extent.size == 0) continue;
        auto data = ReadPart(*file, extent.offset, static_cast<size_t>(extent.size));
        if (!data) continue;
        if (const auto item = CertificateItem(*data); item && !refused) {
          AddMember(NewStore(where, inside, &kShim, "vendor-certificate"), *item, Role::kAnchor,
                    "vendor_cert");
        } else if (auto read = trust::ReadSignatureLists(*data, refused ? "dbx" : "")) {
          for (trust::TrustAnchor& a : read->anchors) {
            a.place = refused ? "vendor_dbx" : "vendor_db";
            a.rejected = refused;
          }
          AddTrust(where, inside, &kShim, *read, std::nullopt);
        } else {
          Unreadable(where, read.error());
        }
      }
    }
  }
  if (kernel) {
    const auto content = Unpack(*this, Slice(file, kernel->offset, kernel->size));
    if (!content) {
      Unreadable(where, content.error());
    } else {
      Where inner = Inner(where);
      inner.place = &kKernel;
      inner.path = "kernel";
      // Where the payload ends is not told: behind it stands its unpacked size.
      inner.in = where.Text();
      Search(inner, content->content, inside, &kKernel);
    }
    return true;
  }
  // What lies between the sections and the signature is searched as anywhere else.
  const uint64_t end =
      image && image->signatures.size > 0 ? image->signatures.offset : file->size();
  if (options_.search || where.top) Search(where, Slice(file, 0, end), meta, nullptr);
  return true;
}

}  // namespace birthmark::scan
