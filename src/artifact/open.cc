// SPDX-License-Identifier: Apache-2.0
#include "artifact/open.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "artifact/debug.h"
#include "artifact/fit.h"
#include "artifact/mcuboot.h"
#include "artifact/suit.h"
#include "artifact/tam.h"
#include "base/mapped_file.h"
#include "cbor/cose.h"
#include "crypto/digest.h"
#include "link/image.h"

namespace birthmark::artifact {
namespace {

bool IsContainer(ByteView file) { return AsText(file).starts_with("BMI1"); }
bool IsPem(ByteView file) {
  const ByteView head = file.first(std::min<size_t>(file.size(), 4096));
  return AsText(head).find("-----BEGIN CERTIFICATE-----") != std::string_view::npos;
}

Result<Opened> OpenContainer(ByteView file) {
  BM_TRY(const link::DecodedImage image, link::DecodeImage(file));
  BM_TRY(const cbor::CoseSign1 envelope, cbor::ParseCose(image.envelope));
  Opened out;
  out.kind = Kind::kDeviceImage;
  out.name = image.manifest.name;
  out.version = image.manifest.version;
  out.algorithm = fmt::format("cose {}", image.algorithm);
  out.content = crypto::Sha256(image.payload);
  out.content_size = image.payload.size();
  out.facts = {{"kind", image.manifest.kind}};
  for (const Bytes& der : image.x5chain) {
    BM_TRY(crypto::Certificate c, crypto::Certificate::FromDer(der));
    out.chain.push_back(std::move(c));
  }
  out.signed_by = [envelope](const crypto::PublicKey& key) {
    return cbor::VerifyCose(envelope, key).has_value();
  };
  return out;
}

Result<Opened> OpenServer(ByteView file) {
  Opened out;
  out.kind = Kind::kTlsServer;
  BM_TRY(out.chain, crypto::Certificate::ManyFromPem(AsText(file)));
  const crypto::Certificate& own = out.chain.front();
  BM_TRY(const crypto::PublicKey key, own.public_key());
  out.name = own.common_name().value_or(own.subject());
  out.algorithm = std::string(crypto::ToText(key.algorithm()));
  out.content = own.digest();
  // What the server shows is its key: pinned itself (level 1), or under a path.
  out.signed_by = [digest = key.spki_digest()](const crypto::PublicKey& k) {
    return k.spki_digest() == digest;
  };
  return out;
}

}  // namespace

Result<OpenedFile> OpenOctets(ByteView file) {
  OpenedFile out;
  if (IsContainer(file)) {
    BM_TRY(out.opened, OpenContainer(file));
  } else if (LooksLikeUpdate(file)) {
    BM_TRY(OpenedUpdate update, OpenUpdate(file));
    out.opened = std::move(update.opened);
  } else if (LooksLikeDebugAnswer(file)) {
    BM_TRY(out.opened, OpenDebugAnswer(file));
  } else if (LooksLikeTam(file)) {
    BM_TRY(out.opened, OpenTam(file));
  } else if (LooksLikeFit(file)) {
    BM_TRY(out.opened, OpenFit(file));
  } else if (LooksLikeMcuboot(file)) {
    BM_TRY(out.opened, OpenMcuboot(file));
  } else if (IsPem(file)) {
    BM_TRY(out.opened, OpenServer(file));
  } else if (LooksLikeCms(file)) {
    BM_TRY(out.cms, OpenCms(file));
    out.opened = out.cms->opened;
  } else {
    return Refused("artifact.kind", "it is no artifact of a kind that is known here",
                   fmt::format("one of {}", fmt::join(KindWords(), ", ")));
  }
  return out;
}

Result<OpenedFile> OpenFile(const fs::path& file) {
  BM_TRY(const std::shared_ptr<const MappedFile> mapped,
         MappedFile::Open(file, kMaxImage + kMaxEnvelope));
  auto opened = OpenOctets(mapped->view());
  if (!opened) return std::unexpected(std::move(opened).error().Context(file.string()));
  return opened;
}

Status CheckContent(const OpenedFile& artifact, const fs::path& content) {
  if (artifact.cms) return CheckCmsContent(*artifact.cms, content);
  BM_TRY(const Content found, ContentOf(content));
  if (found.sha256 == artifact.opened.content &&
      found.size == artifact.opened.content_size.value_or(found.size))
    return {};
  return Refused("artifact.content", content.string() + ": it is not the file that was signed",
                 "fetch the file again, and the manifest with it");
}

}  // namespace birthmark::artifact
