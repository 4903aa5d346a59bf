// SPDX-License-Identifier: Apache-2.0
// Share files, words and sheets.
#include "base/files.h"

#include <cstdio>
#include <set>
#include <sstream>

#include "crypto/pem.h"
#include "custody/group.h"
#include "custody/share_file.h"
#include "custody/sheet.h"
#include "custody/test_custody.h"
#include "custody/words.h"
#include "tests/support/temp_dir.h"

namespace birthmark::custody {
namespace {

constexpr Argon2Cost kCheap = {.passes = 2, .memory = uint64_t{64} << 20};

class ShareFileTest : public testing::Test {
 protected:
  SeededRng rng_;
  Dealt dealt_ = Deal(3, 5, rng_).value();
  const Share& share() const { return dealt_.shares[2]; }
  SecretBytes passphrase_ = Secret("correct horse");

  std::vector<std::string> Words() {
    const SecretBytes text = ToWords(share()).value();
    std::istringstream in{std::string(AsText(text.Read(SecretAccess())))};
    std::vector<std::string> out;
    for (std::string w; in >> w;) out.push_back(w);
    return out;
  }
  static std::string Joined(const std::vector<std::string>& words, char between = ' ') {
    std::string out;
    for (const std::string& w : words) out += w + between;
    return out;
  }
  static Result<Share> Read(const std::string& text) { return FromWords(AsBytes(text)); }
};

TEST_F(ShareFileTest, OpensWithThePassphraseAlone) {
  const std::string text = SealShare(share(), passphrase_, kCheap).value();
  EXPECT_TRUE(text.starts_with("-----BEGIN BIRTHMARK SHARE-----\n"));
  EXPECT_TRUE(CheckShareFile(text));
  EXPECT_TRUE(CheckShare(OpenShare(text, passphrase_).value(), dealt_.set));
  EXPECT_EQ(CodeOf(OpenShare(text, Secret("correct house"))), "share.sealed");
  EXPECT_EQ(CodeOf(SealShare(share(), Secret("seven77"), kCheap)), "share.passphrase");
  EXPECT_NE(SealShare(share(), passphrase_, kCheap).value(), text) << "fresh salt and nonce";
}

TEST_F(ShareFileTest, TellsNothingAndHasOneSize) {
  std::set<size_t> sizes;
  for (const auto& [k, n] : {std::pair<uint16_t, uint16_t>{2, 2}, {3, 5}, {40, 255}}) {
    const Dealt d = Deal(k, n, rng_).value();
    const std::string text = SealShare(d.shares.back(), passphrase_, kCheap).value();
    sizes.insert(text.size());
    const Bytes der = crypto::ReadOnePem(text, kShareLabel).value();
    for (const Bytes& part : {d.set.set, d.set.key})
      EXPECT_EQ(std::search(der.begin(), der.end(), part.begin(), part.end()), der.end());
  }
  EXPECT_EQ(sizes.size(), 1u);
}

TEST_F(ShareFileTest, ChangedFilesAreRefused) {
  const std::string text = SealShare(share(), passphrase_, kCheap).value();
  const Bytes der = crypto::ReadOnePem(text, kShareLabel).value();
  std::set<std::string> codes;
  for (size_t i = 0; i < der.size(); i += 17) {
    Bytes changed = der;
    changed[i] ^= 1;
    const auto r = OpenShare(crypto::WritePem(kShareLabel, changed), passphrase_);
    ASSERT_FALSE(r) << i;
    codes.insert(r.error().code);
  }
  for (const std::string& c : codes)
    EXPECT_TRUE(c == "share.sealed" || c == "share.file" || c == "share.cost") << c;
  EXPECT_EQ(CodeOf(OpenShare("", passphrase_)), "share.file");
  EXPECT_EQ(CodeOf(OpenShare(std::string(5000, 'x'), passphrase_)), "share.file");
  EXPECT_EQ(CodeOf(OpenShare(crypto::WritePem("BIRTHMARK OTHER", der), passphrase_)), "share.file");
  // A secret of another kind is no share, though the passphrase opens it.
  const std::string other = SealSecret("BIRTHMARK OTHER", Bytes(84), passphrase_, kCheap).value();
  const Bytes other_der = crypto::ReadOnePem(other, "BIRTHMARK OTHER").value();
  EXPECT_EQ(CodeOf(OpenShare(crypto::WritePem(kShareLabel, other_der), passphrase_)),
            "share.sealed");
  const std::string short_one = SealSecret(kShareLabel, Bytes(83), passphrase_, kCheap).value();
  EXPECT_EQ(CodeOf(OpenShare(short_one, passphrase_)), "share.file");
}

TEST_F(ShareFileTest, CostsHaveBounds) {
  for (const Argon2Cost& c : {Argon2Cost{1, uint64_t{64} << 20}, Argon2Cost{2, uint64_t{63} << 20},
                              Argon2Cost{11, uint64_t{64} << 20}, Argon2Cost{2, uint64_t{2} << 30},
                              Argon2Cost{2, (uint64_t{64} << 20) + 1}})
    EXPECT_EQ(CodeOf(SealShare(share(), passphrase_, c)), "share.cost");
}

TEST_F(ShareFileTest, WordsComeBack) {
  const SecretBytes text = ToWords(share()).value();
  EXPECT_EQ(text.size(), 49u * 6);
  const Share back = FromWords(text.Read(SecretAccess())).value();
  EXPECT_TRUE(CheckShare(back, dealt_.set));
  EXPECT_EQ(back.index, 3);
  std::string loud = Joined(Words(), '-');
  for (char& c : loud) c = static_cast<char>(toupper(c));
  EXPECT_TRUE(Read("\r\n " + loud + " \t"));
}

TEST_F(ShareFileTest, ProquintsAreThoseOfTheirAuthor) {
  // arXiv 0901.4016 section 5 writes 127.0.0.1 as lusab-babad and 63.84.220.193 as gutih-tugad.
  Share s = CopyOf(share());
  s.set = Bytes{127, 0, 0, 1, 63, 84, 220, 193, 0, 0, 0, 0, 0, 0, 0, 0};
  const SecretBytes text = ToWords(s).value();
  EXPECT_TRUE(AsText(text.Read(SecretAccess())).starts_with("lusab babad gutih tugad babab "));
}

TEST_F(ShareFileTest, MistypedWordIsNamedByItsPlaceAndNotQuoted) {
  const std::vector<std::string> right = Words();
  size_t named = 0;
  for (size_t i = 0; i < right.size(); ++i) {
    std::vector<std::string> w = right;
    w[i][1] = w[i][1] == 'a' ? 'i' : 'a';
    const auto r = Read(Joined(w));
    ASSERT_EQ(CodeOf(r), "share.mistyped") << i;
    EXPECT_NE(r.error().message.find("line " + std::to_string(i / 7 + 1)), std::string::npos)
        << r.error().message;
    EXPECT_EQ(r.error().ToString().find(w[i]), std::string::npos);
    named += r.error().message.starts_with("word " + std::to_string(i + 1) + " (") ? 1 : 0;
    w = right;
    w[i][0] = 'x';
    const auto shape = Read(Joined(w));
    EXPECT_TRUE(MessageOf(shape).starts_with("word " + std::to_string(i + 1) + " (line "));
    EXPECT_EQ(shape.error().ToString().find(w[i]), std::string::npos);
  }
  // A line may by chance have a second word that one letter would mend; then the line is named.
  EXPECT_GT(named, 40u);
}

TEST_F(ShareFileTest, MissingSwappedAndForeignWordsAreSeen) {
  const std::vector<std::string> right = Words();
  std::vector<std::string> w = right;
  w.erase(w.begin() + 9);
  EXPECT_NE(MessageOf(Read(Joined(w))).find("line 2"), std::string::npos);
  w = right;
  w.pop_back();
  EXPECT_NE(MessageOf(Read(Joined(w))).find("48 words"), std::string::npos);
  w = right;
  w.push_back(w[0]);
  EXPECT_NE(MessageOf(Read(Joined(w))).find("more than 49"), std::string::npos);
  w = right;
  std::swap(w[8], w[9]);
  EXPECT_NE(MessageOf(Read(Joined(w))).find("line 2"), std::string::npos);
  w = right;
  std::swap_ranges(w.begin() + 7, w.begin() + 14, w.begin() + 14);
  EXPECT_NE(MessageOf(Read(Joined(w))).find("line 2"), std::string::npos);
  EXPECT_EQ(CodeOf(Read("")), "share.mistyped");
  EXPECT_EQ(CodeOf(Read(std::string(100000, 'b'))), "share.mistyped");
  // One line of another share of the same set.
  const SecretBytes other = ToWords(dealt_.shares[3]).value();
  std::istringstream in{std::string(AsText(other.Read(SecretAccess())))};
  std::vector<std::string> foreign;
  for (std::string x; in >> x;) foreign.push_back(x);
  w = right;
  std::copy(foreign.begin() + 14, foreign.begin() + 21, w.begin() + 14);
  EXPECT_NE(MessageOf(Read(Joined(w))).find("line 3"), std::string::npos);
}

// Picture draws the page's QR code as a grey map, 4 pixels a module, from its SVG path.
std::string Picture(std::string_view page) {
  const size_t box = page.find("viewBox=\"0 0 ");
  const int side = std::stoi(std::string(page.substr(box + 13, 6)));
  std::vector<uint8_t> grey(static_cast<size_t>(side) * side * 16, 255);
  const size_t from = page.find(" d=\"") + 4, to = page.find('"', from);
  std::string path(page.substr(from, to - from));
  int x = 0, y = 0, n = 0, back = 0, used = 0;
  for (const char* at = path.c_str();
       std::sscanf(at, "M%d %dh%dv1h-%dz%n", &x, &y, &n, &back, &used) == 4; at += used) {
    for (int py = 4 * y; py < 4 * (y + 1); ++py) {
      for (int px = 4 * x; px < 4 * (x + n); ++px)
        grey[static_cast<size_t>(py) * side * 4 + px] = 0;
    }
  }
  return "P5\n" + std::to_string(side * 4) + " " + std::to_string(side * 4) + "\n255\n" +
         std::string(grey.begin(), grey.end());
}

TEST_F(ShareFileTest, SheetIsScannedBack) {
  const std::string sealed = SealShare(share(), passphrase_, kCheap).value();
  const SecretBytes page = MakeSheet({.sealed = sealed}).value();
  const std::string_view html = AsText(page.Read(SecretAccess()));
  EXPECT_EQ(html.find("Plain words"), std::string_view::npos);
  EXPECT_EQ(html.find("src="), std::string_view::npos);
  EXPECT_EQ(html.find("href"), std::string_view::npos);
  EXPECT_EQ(html.find("<script"), std::string_view::npos);
  EXPECT_NE(html.find(sealed), std::string_view::npos);
  test::TempDir dir;
  const std::string picture = (dir / "sheet.pgm").string(), scanned = (dir / "scanned").string();
  ASSERT_TRUE(WriteFileAtomic(picture, Picture(html)));
  ASSERT_EQ(std::system(("zbarimg -q --raw " + picture + " >" + scanned + " 2>/dev/null").c_str()),
            0);
  const std::string back = ReadTextFile(scanned, 10000).value();
  EXPECT_TRUE(CheckShare(OpenShare(back, passphrase_).value(), dealt_.set));
}

TEST_F(ShareFileTest, SheetWithWordsWarns) {
  const std::string sealed = SealShare(share(), passphrase_, kCheap).value();
  const SecretBytes words = ToWords(share()).value();
  const std::string_view text = AsText(words.Read(SecretAccess()));
  const SecretBytes page = MakeSheet({.sealed = sealed, .words = text}).value();
  const std::string_view html = AsText(page.Read(SecretAccess()));
  EXPECT_NE(html.find("These words are the share itself"), std::string_view::npos);
  EXPECT_NE(html.find("<li>" + std::string(text.substr(0, 41)) + "</li>"), std::string_view::npos);
  size_t lines = 0;
  for (size_t at = 0; (at = html.find("<li>", at)) != std::string_view::npos; ++at) ++lines;
  EXPECT_EQ(lines, 7u);
  EXPECT_EQ(CodeOf(MakeSheet({.sealed = "<b>"})), "share.file");
  EXPECT_EQ(CodeOf(MakeSheet({.sealed = sealed + "<b>"})), "share.sheet");
  EXPECT_EQ(CodeOf(MakeSheet({.sealed = sealed, .words = "<script>"})), "share.sheet");
}

}  // namespace
}  // namespace birthmark::custody
