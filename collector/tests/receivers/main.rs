//! The collector over real sockets, in front of a store that does as it is told.

#[cfg(test)]
mod accounts;
#[cfg(test)]
mod client;
#[cfg(test)]
mod delivery;
#[cfg(test)]
mod fixture;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod jaeger_grpc;
#[cfg(test)]
mod jaeger_http;
#[cfg(test)]
mod limits;
#[cfg(test)]
mod otlp_grpc;
#[cfg(test)]
mod otlp_http;
#[cfg(test)]
mod requests;
#[cfg(test)]
mod tenancy;
#[cfg(test)]
mod writer;
