//! Compiles `flow/v1` with a compiler written in Rust, so that no protoc is needed on the machine.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo:rerun-if-changed=flow");
    let files = protox::compile(["flow/v1/control.proto"], ["."])?;
    tonic_prost_build::configure()
        .bytes(".flow.v1.LogChunk.data")
        .bytes(".flow.v1.OutputChunk.data")
        .codec_path("crate::codec::ControlCodec")
        .compile_fds(files)?;
    Ok(())
}
