"""ProtobufConverter: Protobuf with schemas in a registry, from ``.proto`` texts without protoc."""
