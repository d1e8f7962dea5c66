//! Looking at records that were set aside, and putting them back.
