//! The protobuf walk against prost: every field, every order of fields, and what is not to be accepted.

use proptest::prelude::*;
use prost::Message;
use spoor_proto::convert::otlp::decode_export_request;

use crate::arbitrary::requests;
use crate::oracle::{assert_same, model_of};

proptest! {
    #[test]
    fn reads_every_field_as_prost_does(request in requests()) {
        let batch = decode_export_request(request.encode_to_vec().into()).expect("prost wrote it");
        assert_same(&batch, &model_of(&request));
        prop_assert_eq!(batch.repaired_texts(), 0);
    }
}
