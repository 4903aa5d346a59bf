// SPDX-License-Identifier: Apache-2.0
// Verifiable secret sharing (Feldman 1987) over Ed25519's scalars: a key-encryption key dealt,
// checked, recovered, and dealt again to other holders. With all parties in one process; parties on
// several machines exchange the messages of dkg.h and reshare.h. Thread-safe functions.
#pragma once

#include <span>
#include <vector>

#include "base/ids.h"
#include "custody/share.h"

namespace birthmark::custody {

// RandomIndices draws `count` indices in ascending order that are none of `taken`. Holders with the
// indices 1 to n tell by the highest one how many there are; random ones do not. Fewer come back
// where there are not so many.
std::vector<uint16_t> RandomIndices(uint16_t count, Rng& rng, std::span<const uint16_t> taken = {});

// Deal makes a fresh random secret and its shares; the secret itself is wiped at once. For a key
// that must exist in one place never, use DistributedKey. Errors: share.threshold.
Result<Dealt> Deal(uint16_t threshold, uint16_t count, Rng& rng);
// DealTo is Deal with the holders' indices chosen. Errors: custody.index too.
Result<Dealt> DealTo(uint16_t threshold, std::span<const uint16_t> indices, Rng& rng);
// DistributedKey makes shares of a key that nobody computes: every party deals a part, the key is
// their sum (Pedersen 1991, with the proofs of Komlo and Goldberg 2020). Runs the parties of dkg.h
// in this process. Errors: share.threshold.
Result<Dealt> DistributedKey(uint16_t threshold, uint16_t count, Rng& rng);
// DistributedKeyTo is DistributedKey with the holders' indices chosen. Errors: custody.index too.
Result<Dealt> DistributedKeyTo(uint16_t threshold, std::span<const uint16_t> indices, Rng& rng);

// CheckShare compares one share with what the ceremony keeps. Errors: share.mistyped (its shape),
// share.foreign (another set or key, or no holder of this one), share.stale (an older
// generation), share.ahead (a later one: the set is old), share.wrong (its value is not the one
// dealt). Messages name the holder's index and no secret.
Status CheckShare(const Share& share, const ShareSet& set);

// BadShare is a share that was set aside, and why.
struct BadShare {
  size_t position = 0;  // in the list that was handed in
  uint16_t index = 0;
  Error error;
};
// Sorted is what SortShares makes of a list.
struct Sorted {
  std::vector<size_t> good;  // positions in the list, distinct holders
  std::vector<BadShare> bad;
};
// SortShares checks all; the second of two with one index is share.duplicate.
Sorted SortShares(std::span<const Share> shares, const ShareSet& set);
// TooFew is share.too-few, naming each refused share with its code; it does not tell k.
Error TooFew(const Sorted& sorted);

// Recovered is the key-encryption key and the shares that were set aside on the way.
struct Recovered {
  SecretBytes key;  // 32 octets: HKDF-SHA256 of the scalar, salted with the set's id
  std::vector<uint16_t> used;
  std::vector<BadShare> refused;
};
// Recover goes on with the good shares while k remain. Errors: share.too-few, whose message names
// each refused share with its code.
Result<Recovered> Recover(std::span<const Share> shares, const ShareSet& set);

// Reshare deals the same secret again, without computing it: new polynomials, new k and n, next
// generation (Desmedt and Jajodia 1997; Wong, Wang and Wing 2002). The set given stays valid until
// the caller puts the new one in its place (MaySwitch of reshare.h). Errors: share.too-few,
// share.threshold, share.set, share.generation.
Result<Dealt> Reshare(std::span<const Share> shares, const ShareSet& set, uint16_t new_threshold,
                      uint16_t new_count, Rng& rng);
// ReshareTo is Reshare with the new holders' indices chosen: those that stay keep theirs.
Result<Dealt> ReshareTo(std::span<const Share> shares, const ShareSet& set, uint16_t new_threshold,
                        std::span<const uint16_t> new_indices, Rng& rng);

}  // namespace birthmark::custody
