//! The network's settings. Limits are those of the public network (protocol 27), fees near to them; cost parameters
//! are the host's own defaults, read off the host itself.

use soroban_env_host::budget::Budget;
use soroban_env_host::fees::{FeeConfiguration, RentFeeConfiguration};
use soroban_env_host::xdr::{
    ContractCostParamEntry, ContractCostParams, ContractCostType, ExtensionPoint, SorobanResources,
};
use soroban_env_host::{HostError, LedgerInfo};
use soroban_simulation::NetworkConfig;

pub const PASSPHRASE: &str = "Standalone Network ; February 2017";
pub const PROTOCOL: u32 = 27;
pub const BASE_FEE: i64 = 100;
pub const BASE_RESERVE: u32 = 5_000_000;
pub const MIN_TEMPORARY_TTL: u32 = 16;
pub const MIN_PERSISTENT_TTL: u32 = 2_073_600;
pub const MAX_TTL: u32 = 3_110_400;
pub const MOST_EVENT_BYTES: usize = 16_384;
const MOST_INSTRUCTIONS: u32 = 400_000_000;
const MOST_MEMORY: u32 = 41_943_040;
const MOST_FOOTPRINT: usize = 400;
const MOST_WRITES: usize = 200;
const MOST_DISK_READ_BYTES: u32 = 200_000;
const MOST_WRITE_BYTES: u32 = 132_096;
pub const MOST_TRANSACTION_BYTES: usize = 132_096;

pub fn network() -> NetworkConfig {
    let (cpu_cost_params, memory_cost_params) = cost_params();
    NetworkConfig {
        fee_configuration: FeeConfiguration {
            fee_per_instruction_increment: 25,
            fee_per_disk_read_entry: 6_250,
            fee_per_write_entry: 10_000,
            fee_per_disk_read_1kb: 1_786,
            fee_per_write_1kb: 3_500,
            fee_per_historical_1kb: 16_235,
            fee_per_contract_event_1kb: 10_000,
            fee_per_transaction_size_1kb: 1_624,
        },
        rent_fee_configuration: RentFeeConfiguration {
            fee_per_rent_1kb: 2_000,
            fee_per_write_1kb: 3_500,
            fee_per_write_entry: 10_000,
            persistent_rent_rate_denominator: 1_402,
            temporary_rent_rate_denominator: 2_804,
        },
        tx_max_instructions: MOST_INSTRUCTIONS as i64,
        tx_memory_limit: MOST_MEMORY,
        cpu_cost_params,
        memory_cost_params,
        min_temp_entry_ttl: MIN_TEMPORARY_TTL,
        min_persistent_entry_ttl: MIN_PERSISTENT_TTL,
        max_entry_ttl: MAX_TTL,
    }
}

pub fn ledger_info(sequence_number: u32, timestamp: u64, network_id: [u8; 32]) -> LedgerInfo {
    LedgerInfo {
        protocol_version: PROTOCOL,
        sequence_number,
        timestamp,
        network_id,
        base_reserve: BASE_RESERVE,
        min_temp_entry_ttl: MIN_TEMPORARY_TTL,
        min_persistent_entry_ttl: MIN_PERSISTENT_TTL,
        max_entry_ttl: MAX_TTL,
    }
}

/// What one transaction may do with so many instructions.
pub fn budget(config: &NetworkConfig, instructions: u32) -> Option<Budget> {
    let (cpu, memory) = (config.cpu_cost_params.clone(), config.memory_cost_params.clone());
    Budget::try_from_configs(instructions as u64, MOST_MEMORY as u64, cpu, memory).ok()
}

/// For work that no transaction pays for.
pub fn unlimited(config: &NetworkConfig) -> Result<Budget, HostError> {
    let (cpu, memory) = (config.cpu_cost_params.clone(), config.memory_cost_params.clone());
    Budget::try_from_configs(u64::MAX, u64::MAX, cpu, memory)
}

pub fn fits(resources: &SorobanResources) -> bool {
    let (reads, writes) = (resources.footprint.read_only.len(), resources.footprint.read_write.len());
    resources.instructions <= MOST_INSTRUCTIONS
        && reads + writes <= MOST_FOOTPRINT
        && writes <= MOST_WRITES
        && resources.disk_read_bytes <= MOST_DISK_READ_BYTES
        && resources.write_bytes <= MOST_WRITE_BYTES
}

/// A cost is a constant and a linear term in 128ths; both show in what a fresh default budget charges.
fn cost_params() -> (ContractCostParams, ContractCostParams) {
    let (mut cpu, mut memory) = (vec![], vec![]);
    for kind in ContractCostType::variants() {
        let takes_input = charged(kind, None).is_err();
        let constant = spent(kind, takes_input.then_some(0));
        let linear = if takes_input { linear_terms(kind, constant) } else { (0, 0) };
        cpu.push(term(constant.0, linear.0));
        memory.push(term(constant.1, linear.1));
    }
    let params = |entries: Vec<ContractCostParamEntry>| {
        ContractCostParams(entries.try_into().expect("as many as there are kinds of costs"))
    };
    (params(cpu), params(memory))
}

fn term(const_term: i64, linear_term: i64) -> ContractCostParamEntry {
    ContractCostParamEntry { ext: ExtensionPoint::V0, const_term, linear_term }
}

/// A charge that goes over the budget shows what it costs in instructions, not what it takes of memory: there a smaller
/// input is measured, as large as the budget allows.
fn linear_terms(kind: ContractCostType, constant: (i64, i64)) -> (i64, i64) {
    let cpu = spent(kind, Some(128)).0 - constant.0;
    let most = [128, 64, 32, 16, 8, 4].into_iter().find(|input| charged(kind, Some(*input)).is_ok());
    let memory = most.map(|input| (spent(kind, Some(input)).1 - constant.1) * (128 / input as i64));
    (cpu, memory.unwrap_or(0))
}

fn charged(kind: ContractCostType, input: Option<u64>) -> Result<(), HostError> {
    Budget::default().charge(kind, input)
}

fn spent(kind: ContractCostType, input: Option<u64>) -> (i64, i64) {
    let budget = Budget::default();
    // Over the budget or not, it is counted.
    let _ = budget.charge(kind, input);
    let (cpu, memory) = (budget.get_cpu_insns_consumed(), budget.get_mem_bytes_consumed());
    (cpu.unwrap_or(0) as i64, memory.unwrap_or(0) as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    const INPUTS: [Option<u64>; 7] = [None, Some(0), Some(1), Some(3), Some(128), Some(1_000), Some(12_345)];

    #[test]
    fn costs_read_off_the_host_are_the_hosts_own() {
        let (cpu, memory) = cost_params();
        let mut compared = 0;
        for (kind, input) in ContractCostType::variants().into_iter().flat_map(|kind| INPUTS.map(|one| (kind, one))) {
            let theirs = Budget::default();
            let limits = (theirs.get_cpu_insns_remaining(), theirs.get_mem_bytes_remaining());
            let (Ok(instructions), Ok(bytes)) = limits else { panic!("a fresh budget is whole") };
            let ours = Budget::try_from_configs(instructions, bytes, cpu.clone(), memory.clone()).expect("complete");
            assert_eq!(ours.charge(kind, input).is_ok(), theirs.charge(kind, input).is_ok(), "{kind:?} {input:?}");
            let spent = |budget: &Budget| (budget.get_cpu_insns_consumed().ok(), budget.get_mem_bytes_consumed().ok());
            assert_eq!(spent(&ours), spent(&theirs), "{kind:?} {input:?}");
            compared += usize::from(spent(&ours).0 > Some(0));
        }
        assert!(compared > 100);
    }

    #[test]
    fn work_that_nobody_pays_for_has_no_bounds() {
        let budget = unlimited(&network()).expect("complete");
        assert!(budget.charge(ContractCostType::Bls12381Pairing, Some(1_000_000)).is_ok());
    }
}
