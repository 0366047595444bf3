// The raw cipher, the minting of grants and the sealing of envelopes are behind closed doors.

use locule::seal::hazmat::Cipher; //~ E0603 module `hazmat` is private
use locule::seal::envelope::open; //~ E0603 module `envelope` is private
use locule::seal::context::associated_data; //~ E0603 module `context` is private
use locule::access::grant::sealed::Sealed as OpSealed; //~ E0603 module `grant` is private
use locule::store::batch::Change; //~ E0603 module `batch` is private
use locule::partition::collection::View; //~ E0603 module `collection` is private
use locule::{access::Grant, partition::Collection, seal::Sealed, store::Batch};

pub type All<O> = (Grant<O>, Collection, Sealed, Batch);
