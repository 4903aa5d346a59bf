// SPDX-License-Identifier: Apache-2.0
#include "scan/places.h"

#include <algorithm>

namespace birthmark::scan {
namespace {

using enum vocab::AnchorKind;
constexpr auto kLikely = Certainty::kLikely;
constexpr auto kKnown = Certainty::kKnown;

// SplitPath gives the folders of a path without empty ones and ".".
std::vector<std::string_view> SplitPath(std::string_view path) {
  std::vector<std::string_view> out;
  while (!path.empty()) {
    const size_t end = std::min(path.find('/'), path.size());
    const std::string_view part = path.substr(0, end);
    path.remove_prefix(std::min(end + 1, path.size()));
    if (!part.empty() && part != ".") out.push_back(part);
  }
  return out;
}

bool EndsWithFolders(const std::vector<std::string_view>& folders, std::string_view pattern) {
  // Most rules are of another folder: their last word tells without taking them apart.
  const std::string_view last = pattern.substr(pattern.rfind('/') + 1);
  if (!pattern.empty() && (folders.empty() || !GlobMatches(last, folders.back()))) return false;
  const auto wanted = SplitPath(pattern);
  if (wanted.size() > folders.size()) return false;
  const size_t skip = folders.size() - wanted.size();
  for (size_t i = 0; i < wanted.size(); ++i) {
    if (!GlobMatches(wanted[i], folders[skip + i])) return false;
  }
  return true;
}

std::vector<Place> MakePlaces() {
  using enum Reader;
  return {
      // Servers of the public web.
      {"webpki.bundle", "etc/ssl/certs", "ca-certificates.crt", kWebPki, kAuto, false, kKnown,
       "TLS servers of the public web",
       "the bundle that update-ca-certificates writes and OpenSSL's, GnuTLS's and curl's users "
       "read"},
      {"webpki.java", "etc/ssl/certs/java", "cacerts", kWebPki, kAuto, false, kKnown,
       "TLS servers, for Java programs", "Java's default trust store on this system"},
      {"webpki.java-home", "lib/security", "*cacerts", kWebPki, kAuto, false, kKnown,
       "TLS servers, for Java programs", "Java's own default trust store"},
      {"webpki.folder", "etc/ssl/certs", "*", kWebPki, kAuto, true, kKnown,
       "TLS servers of the public web", "OpenSSL's default folder of trusted certificates"},
      {"webpki.openssl", "etc/ssl", "cert.pem", kWebPki, kAuto, false, kKnown,
       "TLS servers of the public web", "OpenSSL's default file of trusted certificates"},
      {"webpki.source", "usr/share/ca-certificates/mozilla", "*.crt", kWebPki, kAuto, true, kKnown,
       "TLS servers of the public web, as far as /etc/ca-certificates.conf takes them",
       "where the package ca-certificates keeps what it can enable"},
      {"webpki.shared", "usr/share/ca-certificates/*", "*.crt", std::nullopt, kAuto, true, kLikely,
       "TLS servers, as far as /etc/ca-certificates.conf takes them",
       "a package's certificates that ca-certificates can enable"},
      {"local.added", "usr/local/share/ca-certificates", "*.crt", kPrivateCloud, kAuto, true,
       kLikely, "TLS servers, beside those of the public web",
       "certificates that this system's owner or maker adds to the bundle"},
      {"webpki.fedora", "etc/pki/tls/certs", "ca-bundle*", kWebPki, kAuto, false, kKnown,
       "TLS servers of the public web", "the bundle of Fedora's family"},
      {"webpki.extracted", "etc/pki/ca-trust/extracted/*", "*", kWebPki, kAuto, false, kKnown,
       "TLS servers of the public web", "what update-ca-trust writes for programs to read"},
      {"p11-kit.source", "ca-trust/source/anchors", "*", kPrivateCloud, kAuto, true, kLikely,
       "TLS servers, beside those of the public web",
       "certificates that this system's owner or maker adds"},
      {"p11-kit.store", "ca-trust/source", "*", kWebPki, kAuto, false, kKnown,
       "TLS servers of the public web", "p11-kit's trust module reads it"},
      {"p11-kit.anchors", "etc/ca-certificates/trust-source/*", "*", kWebPki, kAuto, true, kKnown,
       "TLS servers", "p11-kit's trust module reads it"},
      {"webpki.android", "etc/security/cacerts", "*.0", kWebPki, kAuto, true, kKnown,
       "TLS servers of the public web", "Android's system store"},
      {"webpki.certifi", "certifi", "cacert.pem", kWebPki, kAuto, false, kKnown,
       "TLS servers of the public web, for Python programs", "Python's certifi"},
      {"webpki.pip", "pip/_vendor/certifi", "cacert.pem", kWebPki, kAuto, false, kKnown,
       "TLS servers of the public web, for pip", "the copy of certifi inside pip"},

      // Software update.
      {"update.android", "etc/security", "otacerts.zip", kSoftwareUpdate, kAuto, false, kKnown,
       "update packages", "Android checks update packages with it"},
      {"update.apt", "etc/apt/trusted.gpg.d", "*", kSoftwareUpdate, kOpenpgp, true, kKnown,
       "every archive that apt reads", "apt believes these keys for all archives"},
      {"update.apt-one", "etc/apt", "trusted.gpg", kSoftwareUpdate, kOpenpgp, false, kKnown,
       "every archive that apt reads", "apt believes these keys for all archives"},
      {"update.apt-signed-by", "etc/apt/keyrings", "*", kSoftwareUpdate, kOpenpgp, false, kKnown,
       "archives whose source says Signed-By", "where sources name their keyrings"},
      {"update.keyring", "usr/share/keyrings", "*", kSoftwareUpdate, kOpenpgp, false, kLikely,
       "archives whose source says Signed-By",
       "keyrings of packages; apt believes one where a source names it"},
      {"update.rpm", "etc/pki/rpm-gpg", "*", kSoftwareUpdate, kOpenpgp, false, kKnown, "packages",
       "rpm imports its keys from here"},
      {"update.pacman", "pacman/keyrings", "*.gpg", kSoftwareUpdate, kOpenpgp, false, kKnown,
       "packages", "pacman fills its keyring from here"},
      {"update.apk", "etc/apk/keys", "*", kSoftwareUpdate, kAuto, true, kKnown, "packages",
       "apk believes these keys"},
      {"update.opkg", "etc/opkg/keys", "*", kSoftwareUpdate, kSignify, true, kKnown, "packages",
       "opkg believes these keys"},
      {"update.rauc", "etc/rauc", "*.pem", kSoftwareUpdate, kAuto, false, kLikely, "update bundles",
       "RAUC's usual folder for its keyring"},
      {"update.rauc-crt", "etc/rauc", "*.crt", kSoftwareUpdate, kAuto, false, kLikely,
       "update bundles", "RAUC's usual folder for its keyring"},
      {"update.swupdate", "etc/swupdate", "*", kSoftwareUpdate, kAuto, false, kLikely,
       "update images", "SWUpdate's folder"},
      {"update.mender", "etc/mender", "artifact-verify-key*", kSoftwareUpdate, kAuto, false, kKnown,
       "update artifacts", "Mender checks artifacts with it"},
      {"cloud.mender", "etc/mender", "server.crt", kPrivateCloud, kAuto, false, kKnown,
       "the update server", "Mender checks its server with it"},
      {"update.fwupd", "etc/pki/fwupd", "*", kSoftwareUpdate, kAuto, true, kKnown,
       "firmware packages", "fwupd believes these keys"},
      {"update.fwupd-metadata", "etc/pki/fwupd-metadata", "*", kSoftwareUpdate, kAuto, true, kKnown,
       "lists of firmware", "fwupd believes these keys"},
      {"update.ostree", "ostree/trusted.gpg.d", "*", kSoftwareUpdate, kOpenpgp, false, kKnown,
       "commits of OSTree", "OSTree believes these keys"},
      {"update.importd", "lib/systemd", "import-pubring*", kSoftwareUpdate, kOpenpgp, false, kKnown,
       "images that systemd fetches", "systemd-importd and sysupdate check images with it"},
      {"update.importd-local", "etc/systemd", "import-pubring*", kSoftwareUpdate, kOpenpgp, false,
       kKnown, "images that systemd fetches", "systemd-importd and sysupdate check images with it"},
      {"update.containers", "etc/docker/certs.d/*", "*.crt", kPrivateCloud, kAuto, true, kKnown,
       "a registry of container images", "Docker checks this registry with it"},
      {"update.containers-podman", "etc/containers/certs.d/*", "*.crt", kPrivateCloud, kAuto, true,
       kKnown, "a registry of container images", "Podman checks this registry with it"},

      // The root of the DNS.
      {"dnssec.root", "usr/share/dns", "root.key", kDnssec, kAuto, false, kKnown, "the DNS",
       "dns-root-data's anchors, which resolvers copy"},
      {"dnssec.root-ds", "usr/share/dns", "root.ds", kDnssec, kAuto, false, kKnown, "the DNS",
       "dns-root-data's anchors, which resolvers copy"},
      {"dnssec.xml", "", "root-anchors.xml", kDnssec, kAuto, false, kLikely, "the DNS",
       "the name of IANA's list of anchors"},
      {"dnssec.unbound", "var/lib/unbound", "root.key", kDnssec, kAuto, false, kKnown, "the DNS",
       "unbound's own copy, which it keeps up to date by RFC 5011"},
      {"dnssec.unbound-etc", "etc/unbound", "root.key", kDnssec, kAuto, false, kKnown, "the DNS",
       "unbound's own copy"},
      {"dnssec.systemd", "dnssec-trust-anchors.d", "*.positive", kDnssec, kAuto, false, kKnown,
       "the DNS", "systemd-resolved reads it"},
      {"dnssec.trusted-key", "etc", "trusted-key.key", kDnssec, kAuto, false, kLikely, "the DNS",
       "the file that dig and delv look for"},
      {"dnssec.bind", "etc/bind", "bind.keys", kDnssec, kBind, false, kKnown, "the DNS",
       "BIND's built-in anchors, written out"},

      // Booting.
      {"boot.efi-keys", "etc/efi-keys", "*", kFirstBoot, kAuto, true, kLikely, "boot loaders",
       "the usual folder for keys of UEFI Secure Boot"},
      {"boot.sbctl", "usr/share/secureboot/keys/*", "*.pem", kFirstBoot, kAuto, true, kLikely,
       "boot loaders", "sbctl's folder"},
      {"boot.mok", "var/lib/shim-signed/mok", "*", kFirstBoot, kAuto, true, kKnown,
       "modules and loaders of the machine's owner", "the owner's key for the shim, by DKMS"},
      {"boot.ima", "etc/keys", "*", kOther, kAuto, true, kLikely, "files, by IMA and EVM",
       "the folder from which the kernel's keyrings for IMA are loaded"},

      // Networks and people.
      {"ssh.known-hosts", "etc/ssh", "ssh_known_hosts*", kNetworkLocal, kSshKnownHosts, false,
       kKnown, "SSH servers", "lines @cert-authority of the system's known_hosts"},
      {"ssh.known-hosts-user", ".ssh", "known_hosts*", kNetworkLocal, kSshKnownHosts, false, kKnown,
       "SSH servers", "lines @cert-authority of a user's known_hosts"},
      {"ssh.authorized", ".ssh", "authorized_keys*", kNetworkLocal, kSshAuthorized, false, kKnown,
       "people that log in", "lines with cert-authority of authorized_keys"},
      {"ssh.host-keys", "etc/ssh", "ssh_host_*_key", std::nullopt, kPrivateKeys, false, kKnown, "",
       "the SSH server's own keys"},
      {"ssh.user-ca-trusted", "etc/ssh", "*trusted*", kNetworkLocal, kSshKeys, false, kLikely,
       "people that log in", "a name as TrustedUserCAKeys often has"},
      {"ssh.user-ca", "etc/ssh", "*ca*.pub", kNetworkLocal, kSshKeys, false, kLikely,
       "people that log in", "a name as TrustedUserCAKeys often has"},
      {"ssh.host-public", "etc/ssh", "ssh_host_*_key.pub", std::nullopt, kPrivateKeys, false,
       kKnown, "", "the SSH server's own keys"},
      {"ssh.keys", "etc/ssh", "*.pub", kNetworkLocal, kSshKeys, false, kLikely,
       "people that log in", "keys in sshd's folder that are not the server's own"},
      {"net.wpa", "etc/wpa_supplicant", "*", kNetworkLocal, kAuto, true, kLikely,
       "the network's authentication server", "wpa_supplicant's folder"},
      {"net.ipsec", "etc/ipsec.d/cacerts", "*", kNetworkLocal, kAuto, true, kKnown, "VPN peers",
       "strongSwan believes these"},
      {"net.swanctl", "etc/swanctl/x509ca", "*", kNetworkLocal, kAuto, true, kKnown, "VPN peers",
       "strongSwan believes these"},
      {"net.openvpn", "etc/openvpn*", "*ca*.crt", kNetworkLocal, kAuto, false, kLikely, "VPN peers",
       "a name as OpenVPN's option ca often has"},
      {"onboarding.brski", "etc/brski", "*", kOnboarding, kAuto, true, kLikely, "vouchers",
       "a folder of that name"},
      {"onboarding.masa", "", "*masa*.pem", kOnboarding, kAuto, false, kLikely, "vouchers",
       "a name that says MASA"},

      {"names.sshd", "etc/ssh", "sshd_config", std::nullopt, kNames, false, kKnown, "", ""},
      {"names.sshd-more", "etc/ssh/sshd_config.d", "*.conf", std::nullopt, kNames, false, kKnown,
       "", ""},
      {"names.apt", "etc/apt", "sources.list", std::nullopt, kNames, false, kKnown, "", ""},
      {"names.apt-more", "etc/apt/sources.list.d", "*", std::nullopt, kNames, false, kKnown, "",
       ""},
      {"names.containers", "etc/containers", "policy.json", std::nullopt, kNames, false, kKnown, "",
       ""},
      {"private.ssl", "etc/ssl/private", "*", std::nullopt, kPrivateKeys, false, kKnown, "",
       "the system's folder for private keys"},
  };
}

}  // namespace

const std::vector<Place>& Places() {
  static const std::vector<Place> places = MakePlaces();
  return places;
}

bool GlobMatches(std::string_view pattern, std::string_view text) {
  size_t p = 0, t = 0, star = std::string_view::npos, mark = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      mark = t;
    } else if (p < pattern.size() && pattern[p] == text[t]) {
      ++p;
      ++t;
    } else if (star != std::string_view::npos && text[mark] != '/') {
      p = star + 1;
      t = ++mark;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

std::vector<const Place*> PlacesOfFolder(std::string_view folder) {
  const auto folders = SplitPath(folder);
  std::vector<const Place*> out;
  for (const Place& place : Places()) {
    if (EndsWithFolders(folders, place.folder)) out.push_back(&place);
  }
  return out;
}

const Place* PlaceOf(const std::vector<const Place*>& places, std::string_view file) {
  for (const Place* place : places) {
    if (GlobMatches(place->file, file)) return place;
  }
  return nullptr;
}

}  // namespace birthmark::scan
