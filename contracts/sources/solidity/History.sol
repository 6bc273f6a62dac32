// SPDX-License-Identifier: UNLICENSED
pragma solidity 0.8.22;

/// Values as they were at numbered snapshots, kept only when they change.
/// An entry (until, value) says: up to and including snapshot `until` the value was this one.
/// A value that never changed after a snapshot has no entry; the live value is the answer.
library History {
    struct Entry {
        uint48 until;
        uint208 value;
    }

    /// Must be called before the value is overwritten; only the first change after a snapshot costs a write.
    function keep(Entry[] storage entries, uint256 snapshot, uint256 value) internal {
        if (snapshot == 0) return;
        uint256 count = entries.length;
        if (count > 0 && entries[count - 1].until == snapshot) return;
        entries.push(Entry(uint48(snapshot), uint208(value)));
    }

    function at(Entry[] storage entries, uint256 snapshot, uint256 live) internal view returns (uint256) {
        uint256 low = 0;
        uint256 high = entries.length;
        while (low < high) {
            uint256 middle = (low + high) / 2;
            if (entries[middle].until < snapshot) low = middle + 1;
            else high = middle;
        }
        return low == entries.length ? live : entries[low].value;
    }
}
