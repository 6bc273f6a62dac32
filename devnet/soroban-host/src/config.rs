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

/// A cost is a constant and a linear term in 128ths; both show in what the default budget charges.
fn cost_params() -> (ContractCostParams, ContractCostParams) {
    let budget = Budget::default();
    let spent = || {
        let (cpu, memory) = (budget.get_cpu_insns_consumed(), budget.get_mem_bytes_consumed());
        (cpu.unwrap_or(0) as i64, memory.unwrap_or(0) as i64)
    };
    // None where this kind of cost takes no such input.
    let charged = |kind: ContractCostType, input: Option<u64>| {
        let before = spent();
        budget.charge(kind, input).ok()?;
        let after = spent();
        Some((after.0 - before.0, after.1 - before.1))
    };
    let entry = |const_term: i64, linear_term: i64| ContractCostParamEntry {
        ext: ExtensionPoint::V0,
        const_term,
        linear_term,
    };
    let (mut cpu, mut memory) = (vec![], vec![]);
    for kind in ContractCostType::variants() {
        let constant = charged(kind, Some(0)).or_else(|| charged(kind, None)).unwrap_or_default();
        let linear = charged(kind, Some(128)).unwrap_or(constant);
        cpu.push(entry(constant.0, linear.0 - constant.0));
        memory.push(entry(constant.1, linear.1 - constant.1));
    }
    let params = |entries: Vec<ContractCostParamEntry>| {
        ContractCostParams(entries.try_into().expect("as many as there are kinds of costs"))
    };
    (params(cpu), params(memory))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn costs_read_off_the_host_are_the_hosts_own() {
        let (cpu, memory) = cost_params();
        let ours = Budget::try_from_configs(100_000_000, 40_000_000, cpu, memory).expect("complete");
        let theirs = Budget::default();
        for kind in ContractCostType::variants() {
            for input in [None, Some(0), Some(1), Some(1_000), Some(12_345)] {
                assert_eq!(ours.charge(kind, input).is_ok(), theirs.charge(kind, input).is_ok(), "{kind:?}");
            }
        }
        let spent = |budget: &Budget| (budget.get_cpu_insns_consumed().ok(), budget.get_mem_bytes_consumed().ok());
        assert_eq!(spent(&ours), spent(&theirs));
        assert!(spent(&ours).0 > Some(1_000_000));
    }
}
