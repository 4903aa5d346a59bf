// SPDX-License-Identifier: Apache-2.0
#include "seed/read.h"

#include <array>

#include "seed/cms.h"
#include "seed/input.h"
#include "seed/intake.h"
#include "seed/pskc.h"
#include "seed/read_input.h"

namespace birthmark::seed {

Status ReadCms(Input& in, const ReadOptions& options, Intake& intake, Summary& summary) {
  BM_TRY(CmsEnvelope envelope, SurveyCms(in));
  if (envelope.plain) {
    if (!options.allow_unprotected) {
      return Refused("seed.unprotected", "the file's seeds are encrypted with nothing",
                     "whoever saw the file has the keys; ask for an encrypted file, or allow it "
                     "and it is recorded");
    }
    uint64_t at = envelope.content_at;
    Pull pull = [&](std::span<uint8_t> out) -> Result<size_t> {
      size_t want = static_cast<size_t>(std::min<uint64_t>(out.size(), envelope.content_end - at));
      BM_TRY(size_t n, in.ReadAt(at, out.first(want)));
      at += n;
      return n;
    };
    return ReadPackage(pull, [&] { return at; }, intake, summary.oem);
  }
  summary.protection = envelope.authenticated ? "cms-auth-enveloped" : "cms-enveloped";
  if (envelope.authenticated) {
    // Nothing of it is used before the tag over all of it is right (RFC 5116 section 2.2).
    BM_TRY(auto all, CmsContent::Open(in, envelope, options));
    SecretBytes dropped(1 << 16);
    for (;;) {
      BM_TRY(size_t n, all->Read(dropped.Write(SecretAccess{})));
      if (n == 0) break;
    }
  }
  BM_TRY(auto content, CmsContent::Open(in, envelope, options));
  summary.recipient = content->recipient();
  return ReadPackage([&](std::span<uint8_t> out) { return content->Read(out); },
                     [&] { return content->file_offset(); }, intake, summary.oem);
}

Result<Summary> ReadInput(Input& in, const ReadOptions& options, const OnSeed& on_seed,
                          const OnRefusal& on_refusal) {
  std::array<uint8_t, 4> first{};
  BM_TRY(size_t n, in.ReadAt(0, first));
  if (n == 0) return Refused("seed.empty", "the file is empty");
  Summary summary;
  summary.protection = "none";
  Intake intake(on_seed, on_refusal, options.max_elements);
  // XML begins with "<", perhaps after a byte order mark or white space, CMS with a SEQUENCE.
  bool xml = first[0] == '<' || first[0] == 0xef || first[0] == 0xfe || first[0] == 0xff ||
             first[0] == ' ' || first[0] == '\n' || first[0] == '\r' || first[0] == '\t';
  if (xml) {
    summary.format = "pskc";
    BM_CHECK(ReadPskc(in, options, intake, summary));
  } else if (first[0] == 0x30) {
    summary.format = "cms";
    BM_CHECK(ReadCms(in, options, intake, summary));
  } else {
    return Refused("seed.format", "neither PSKC (XML) nor CMS (DER or BER)",
                   "a file in PEM is taken after: openssl cms -cmsout -inform PEM -outform DER");
  }
  summary.count = intake.count();
  summary.refused = intake.refused();
  if (summary.count + summary.refused == 0) {
    return Refused("seed.empty", "the file has no seeds in it");
  }
  return summary;
}

Result<Summary> Read(const fs::path& file, const ReadOptions& options, const OnSeed& on_seed,
                     const OnRefusal& on_refusal) {
  BM_TRY(auto in, FileInput::Open(file));
  BM_TRY(Digest digest, DigestOf(*in));
  BM_TRY(Summary summary, ReadInput(*in, options, on_seed, on_refusal));
  BM_CHECK(in->Unchanged());
  summary.file = digest;
  return summary;
}

Result<Summary> Inspect(const fs::path& file, const ReadOptions& options) {
  return Read(file, options, nullptr, nullptr);
}

}  // namespace birthmark::seed
