//! What every port shares: listeners, limits, bounded bodies, errors of the transport.
