// SPDX-License-Identifier: Apache-2.0
// One function a command; each stands in the file named after its noun.
#pragma once

#include "cli/spec.h"

namespace birthmark::cli {

// cmd_init.cc
Result<int> Init(const Invocation&);
Result<int> RequestImport(const Invocation&);
Result<int> CeremonyAccept(const Invocation&);
Result<int> CredentialIssue(const Invocation&);
// cmd_ceremony.cc
Result<int> CeremonyNew(const Invocation&);
Result<int> CeremonyCheck(const Invocation&);
Result<int> CeremonyRun(const Invocation&);
Result<int> CeremonyResume(const Invocation&);
Result<int> CeremonyShow(const Invocation&);
Result<int> CeremonyVerify(const Invocation&);
// cmd_custody.cc
Result<int> CustodyStatus(const Invocation&);
Result<int> CustodyNote(const Invocation&);
Result<int> CustodyForget(const Invocation&);
// cmd_attest.cc
Result<int> AttestVerify(const Invocation&);
// cmd_chain.cc
Result<int> ChainVerify(const Invocation&);
// cmd_seen.cc
Result<int> CertSeen(const Invocation&);
Result<int> CertExplain(const Invocation&);
// cmd_horizon.cc
Result<int> HorizonOf(const Invocation&);
// cmd_audit.cc
Result<int> AuditKeys(const Invocation&);
// cmd_crl.cc
Result<int> CrlBuild(const Invocation&);
Result<int> CrlShow(const Invocation&);
Result<int> CaRotate(const Invocation&);
// ImportUpkeep takes in what `request import` brings for lists and successors; nullopt: it is
// neither.
Result<std::optional<int>> ImportUpkeep(const Invocation&);
// cmd_status.cc
Result<int> StatusOf(const Invocation&);
// cmd_plan.cc
Result<int> PlanNew(const Invocation&);
Result<int> PlanCheck(const Invocation&);
Result<int> PlanShow(const Invocation&);
Result<int> PlanDiff(const Invocation&);
Result<int> PlanAdopt(const Invocation&);
// cmd_registry.cc
Result<int> ProductList(const Invocation&);
Result<int> ProductShow(const Invocation&);
Result<int> CaList(const Invocation&);
Result<int> CaShow(const Invocation&);
Result<int> CertList(const Invocation&);
Result<int> CertShow(const Invocation&);
Result<int> UnitList(const Invocation&);
Result<int> UnitShow(const Invocation&);
Result<int> KeyList(const Invocation&);
Result<int> CredentialList(const Invocation&);
// cmd_key.cc
Result<int> KeyShow(const Invocation&);
// cmd_serve.cc
Result<int> Serve(const Invocation&);
Result<int> LineWatch(const Invocation&);
// cmd_station.cc
Result<int> StationAdd(const Invocation&);
Result<int> StationList(const Invocation&);
Result<int> StationDisable(const Invocation&);
Result<int> StationJoin(const Invocation&);
Result<int> StationCheck(const Invocation&);
Result<int> LinePush(const Invocation&);
Result<int> RequestSign(const Invocation&);
Result<int> CredentialRevoke(const Invocation&);
// cmd_reel.cc
Result<int> ManifestNew(const Invocation&);
Result<int> ManifestImport(const Invocation&);
Result<int> ManifestList(const Invocation&);
Result<int> ReelList(const Invocation&);
Result<int> ReelShow(const Invocation&);
Result<int> ReelQuarantine(const Invocation&);
Result<int> ReelRelease(const Invocation&);
// cmd_lot.cc
Result<int> LotList(const Invocation&);
Result<int> LotStop(const Invocation&);
Result<int> LotRelease(const Invocation&);
// cmd_token.cc
Result<int> TokenNew(const Invocation&);
Result<int> TokenList(const Invocation&);
Result<int> TokenRevoke(const Invocation&);
// cmd_label.cc
Result<int> UnitLabel(const Invocation&);
// cmd_cert.cc
Result<int> CertRevoke(const Invocation&);
// cmd_pool.cc
Result<int> PoolFill(const Invocation&);
Result<int> PoolStatus(const Invocation&);
Result<int> Reconcile(const Invocation&);
// cmd_seed_derive.cc
Result<int> SeedDerive(const Invocation&);
// cmd_seed.cc
Result<int> SeedImport(const Invocation&);
Result<int> SeedIssue(const Invocation&);
Result<int> SeedPackage(const Invocation&);
Result<int> SeedList(const Invocation&);
Result<int> SeedShow(const Invocation&);
Result<int> SeedTell(const Invocation&);
Result<int> CertExport(const Invocation&);
// cmd_unit.cc
Result<int> UnitScrap(const Invocation&);
Result<int> UnitRework(const Invocation&);
Result<int> UnitCorrect(const Invocation&);
Result<int> UnitAdopt(const Invocation&);
Result<int> UnitExport(const Invocation&);
// cmd_line.cc
Result<int> LineRun(const Invocation&);
// cmd_ledger.cc
Result<int> LedgerVerify(const Invocation&);
Result<int> LedgerProve(const Invocation&);
Result<int> LedgerBundle(const Invocation&);
Result<int> LedgerRebuild(const Invocation&);
Result<int> LedgerCheckpoint(const Invocation&);
// cmd_answer.cc
Result<int> AnswerAll(const Invocation&);
Result<int> Disclose(const Invocation&);
// cmd_drill.cc
Result<int> DrillList(const Invocation&);
Result<int> DrillLose(const Invocation&);
Result<int> DrillDisclose(const Invocation&);
Result<int> DrillRogueStation(const Invocation&);
Result<int> DrillCrlOutage(const Invocation&);
Result<int> DrillLoseContinent(const Invocation&);
Result<int> DrillLoseSite(const Invocation&);
Result<int> DrillFactoryLink(const Invocation&);
Result<int> DrillStolenReel(const Invocation&);
Result<int> DrillStealPool(const Invocation&);
Result<int> DrillSeedLeak(const Invocation&);
Result<int> DrillWarehouse(const Invocation&);
// cmd_backup.cc
Result<int> BackupCreate(const Invocation&);
Result<int> BackupCheck(const Invocation&);
Result<int> BackupRestore(const Invocation&);
// cmd_upgrade.cc
Result<int> Upgrade(const Invocation&);
// cmd_reader.cc: the same functions as birthmark-reader
Result<int> Show(const Invocation&);
Result<int> Verify(const Invocation&);
Result<int> Compare(const Invocation&);
Result<int> Recompute(const Invocation&);
// cmd_share.cc
Result<int> ShareCheck(const Invocation&);
Result<int> ShareProve(const Invocation&);
Result<int> ShareWords(const Invocation&);
Result<int> ShareRestore(const Invocation&);
Result<int> ShareCommit(const Invocation&);
Result<int> ShareSign(const Invocation&);
// cmd_words.cc
Result<int> Vocab(const Invocation&);
Result<int> Explain(const Invocation&);
Result<int> Completion(const Invocation&);
Result<int> Version(const Invocation&);

// cmd_request.cc
Result<int> RequestShow(const Invocation&);
Result<int> RequestList(const Invocation&);
Result<int> RequestExport(const Invocation&);
Result<int> RequestSignOffline(const Invocation&);

}  // namespace birthmark::cli
