// SPDX-License-Identifier: UNLICENSED
pragma solidity 0.8.22;

/// Pages are numbered: page 2 of length 100 begins at entry 200, whatever earlier pages held.
library Page {
    function bounds(uint256 pageIndex, uint256 pageLength, uint256 total)
        internal
        pure
        returns (uint256 start, uint256 count)
    {
        start = pageIndex * pageLength;
        if (start >= total) return (start, 0);
        uint256 left = total - start;
        count = left < pageLength ? left : pageLength;
    }
}
