//! What is stored, once it is opened: no bytes make a decoder panic or take more memory than they
//! are long. The first byte picks the record.

#![no_main]

use locule::partition::fuzzing;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    if let [record, bytes @ ..] = data {
        let record = usize::from(record.wrapping_sub(b'a')) % fuzzing::RECORDS.len();
        fuzzing::RECORDS[record](bytes);
    }
});
