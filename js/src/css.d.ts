/** A style sheet goes into the bundle beside the script. */
declare module "*.css";
